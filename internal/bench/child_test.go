package main

import (
	"context"
	"errors"
	"testing"
)

// A child that has died before it came to its gate, or before it said how long it
// took, is not waited for when the run is interrupted.
func TestWaitsForChildrenEnd(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	gate, err := l.gate()
	if err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	waits := make(chan error, 2)
	go func() { waits <- openGate(ctx, gate) }()
	report, err := l.gate()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := readReport(ctx, report)
		waits <- err
	}()
	cancel(interrupted)
	for range cap(waits) {
		if err := <-waits; !errors.Is(err, interrupted) {
			t.Errorf("got %v", err)
		}
	}
}
