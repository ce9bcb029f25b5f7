//go:build unix

package cmdline_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/cmdline"
)

func TestWhileRead(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, release := cmdline.WhileRead(t.Context(), w)
	defer release()
	if _, err := w.WriteString("read this\n"); err != nil || ctx.Err() != nil {
		t.Errorf("while it is read: %v, %v", err, context.Cause(ctx))
	}
	r.Close()
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody reads, and that is not noticed")
	}
	if err := context.Cause(ctx); err != cmdline.ErrUnread {
		t.Errorf("the cause is %v", err)
	}
}

// What is released ends, for another reason, whatever it writes to.
func TestWhileReadIsReleased(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, release := cmdline.WhileRead(t.Context(), w)
	of, releaseFile := cmdline.WhileRead(ctx, file)
	buffer, releaseBuffer := cmdline.WhileRead(of, &bytes.Buffer{})
	if buffer.Err() != nil {
		t.Errorf("at once: %v", context.Cause(buffer))
	}
	releaseBuffer()
	releaseFile()
	release()
	if err := context.Cause(ctx); err != context.Canceled {
		t.Errorf("the cause is %v", err)
	}
}
