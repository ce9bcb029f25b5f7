package cmdline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// A reader of a pipe with a name may be followed by another one.
func TestWhileReadOfNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	ctx, release := cmdline.WhileRead(t.Context(), w)
	defer release()
	select {
	case <-ctx.Done():
		t.Error("it gives up for want of a reader")
	case <-time.After(100 * time.Millisecond): // poll(2) would have told at once
	}
}
