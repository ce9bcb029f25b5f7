package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile is a file with the daemon's process id in it. A lock on the file,
// which the kernel drops with the process, says whether the daemon lives: what
// is written in the file may be left over from any time.
type pidFile struct {
	f    *os.File
	path string
}

// holdPIDFile takes the file for this process. It is an error that another one
// holds it.
func holdPIDFile(path string, w *worker) (*pidFile, error) {
	if f := w.take(keptPIDFile); f != nil {
		return &pidFile{f, path}, nil
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("pid file: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("pid file %s is held by another gafferd%s: stop that one first, or give this one another --pidfile", path, holder(f))
			}
			return nil, fmt.Errorf("lock pid file %s: %w", path, err)
		}
		if !stillAt(f, path) {
			f.Close() // its owner removed it between our open and our lock
			continue
		}
		err = write(f, strconv.Itoa(w.pid())+"\n")
		if err == nil {
			err = w.hold(keptPIDFile, f)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("pid file: %w", err)
		}
		return &pidFile{f, path}, nil
	}
}

// release removes the file and lets go of it, in this order: a file that can be
// locked is never one of a daemon that is still there. If somebody else has removed it,
// what is there now may be another daemon's.
func (p *pidFile) release() {
	if stillAt(p.f, p.path) {
		os.Remove(p.path)
	}
	p.f.Close()
}

// holder is " (pid 123)", if the file says so.
func holder(f *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		return fmt.Sprintf(" (pid %d)", pid)
	}
	return ""
}

func stillAt(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

func write(f *os.File, text string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(text), 0)
	return err
}
