//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// input is the standard input with reads that end when ctx does: a terminal or
// an inherited pipe cannot be given a deadline, and a goroutine that waits for
// it could not be waited for. release ends what that takes.
func (c *cli) input(ctx context.Context) (in io.Reader, release func()) {
	f, ok := c.stdin.(*os.File)
	if !ok {
		return c.stdin, func() {}
	}
	wake, end, err := os.Pipe()
	if err != nil {
		return c.stdin, func() {}
	}
	stop := context.AfterFunc(ctx, func() { end.Close() })
	return &interruptible{ctx, f, wake}, func() {
		if stop() {
			end.Close()
		}
		wake.Close()
	}
}

// interruptible reads f once there is something to read.
type interruptible struct {
	ctx  context.Context
	f    *os.File
	wake *os.File // can be read when ctx has ended
}

func (i *interruptible) Read(p []byte) (int, error) {
	const ready = unix.POLLIN | unix.POLLHUP | unix.POLLERR | unix.POLLNVAL
	for {
		fds := []unix.PollFd{{Fd: int32(i.f.Fd()), Events: unix.POLLIN}, {Fd: int32(i.wake.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("poll", err)
		case fds[1].Revents&ready != 0:
			return 0, context.Cause(i.ctx)
		case fds[0].Revents&ready != 0:
			return i.f.Read(p)
		}
	}
}
