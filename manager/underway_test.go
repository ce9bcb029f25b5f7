package manager

import (
	"errors"
	"testing"
)

// TestOvertakenByShutdown holds that a shutdown has prevented what came after the last
// stop, and nothing before that: what the stop was to bring about has happened.
func TestOvertakenByShutdown(t *testing.T) {
	first, stop, second, shutdown := newOperation(1), newOperation(1), newOperation(1), newOperation(1)
	var u underway
	u.begin(first, false)
	u.begin(stop, true)
	u.begin(second, false)
	u.begin(shutdown, true)
	u.end(true)
	for name, o := range map[string]*Operation{"first": first, "stop": stop, "second": second, "shutdown": shutdown} {
		var want error
		if o == second {
			want = ErrClosed
		}
		if err := o.Wait(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// TestRefusalIsOfTheLast holds that all who waited are told why the operation under way
// could not start something, the first time, and not why one before could not.
func TestRefusalIsOfTheLast(t *testing.T) {
	mistaken, full := errors.New("no such file"), errors.New("too many processes")
	before, last := newOperation(1), newOperation(1)
	var u underway
	u.begin(before, false)
	u.refused(mistaken)
	u.begin(last, true)
	u.refused(full)
	u.refused(mistaken)
	u.end(false)
	for _, o := range []*Operation{before, last} {
		if err := o.Wait(t.Context()); !errors.Is(err, full) || errors.Is(err, mistaken) {
			t.Errorf("%v, want %v", err, full)
		}
	}
}
