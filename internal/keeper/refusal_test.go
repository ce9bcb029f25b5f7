//go:build linux

package keeper

import (
	"errors"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/process/spawn"
)

// What is known of why a child could not be started goes over the link.
func TestRefusal(t *testing.T) {
	for _, err := range []error{
		syscall.ENOENT,
		errors.New("no errno"),
		&spawn.StepError{Step: "capabilities: limit them", Err: syscall.EPERM},
	} {
		got := refusedAs(refusal(1, err))
		if got.Error() != err.Error() {
			t.Errorf("got %q, want %q", got, err)
		}
		var was, is *spawn.StepError
		if errors.As(err, &was) != errors.As(got, &is) || was != nil && (is.Step != was.Step || !errors.Is(got, was.Err)) {
			t.Errorf("of %#v it has made %#v", err, got)
		}
	}
}
