//go:build unix

package manager

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Who could not write that he has the lock does not keep it.
func TestLockThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "lock"), 0o600); err != nil { // it can be locked, but has no size
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		state, err := OpenState(ctx, dir, StateOptions{}, nil)
		if err == nil {
			state.Close()
			t.Fatal("a pipe was written")
		}
		if errors.Is(err, ErrLocked) {
			t.Errorf("it is locked: %v", err)
		}
	}
}
