package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// lab is where axes run: a folder that goes with it, and how much to do.
type lab struct {
	dir   string
	quick bool
	log   io.Writer // progress
	fifos int

	gafferd string     // the daemon under test
	kept    *keptLines // nil until an axis asks for it
}

func newLab(quick bool, log io.Writer) (*lab, error) {
	if err := measurable(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gaffer-bench-")
	if err != nil {
		return nil, err
	}
	return &lab{dir: dir, quick: quick, log: log}, nil
}

func (l *lab) close() error { return os.RemoveAll(l.dir) }

// build makes gafferd from the tree that the working directory lies in.
func (l *lab) build(ctx context.Context) (string, error) {
	path := filepath.Join(l.dir, "gafferd")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", path, "github.com/gafferd/gaffer/cmd/gafferd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make does
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gafferd (or name one with -gafferd): %w\n%s", err, out)
	}
	return path, nil
}

// amount is full, or small in a quick run.
func (l *lab) amount(full, small int) int {
	if l.quick {
		return small
	}
	return full
}

// span is a time to let pass, a tenth of it in a quick run.
func (l *lab) span(full time.Duration) time.Duration {
	if l.quick {
		return full / 10
	}
	return full
}

// gate makes a fifo for a child to wait at. Its reader (the child) and its
// writer (who says go) wait for each other when they open it, and the child
// goes when the writer closes it.
func (l *lab) gate() (string, error) {
	l.fifos++
	path := filepath.Join(l.dir, "gate"+strconv.Itoa(l.fifos))
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return "", fmt.Errorf("make %s: %w", path, err)
	}
	return path, nil
}

// both calls end and adds its error to err, for use with defer.
func both(err *error, end func() error) { *err = errors.Join(*err, end()) }
