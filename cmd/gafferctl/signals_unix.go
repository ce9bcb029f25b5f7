//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// interrupts are the signals by which a user ends a program.
var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// brokenPipe is the signal that would end a program whose output nobody reads.
var brokenPipe = []os.Signal{syscall.SIGPIPE}

// signalName is a signal as people know it: 9 (KILL).
func signalName(n int) string {
	if name := unix.SignalName(syscall.Signal(n)); len(name) > 3 {
		return fmt.Sprintf("%d (%s)", n, name[3:])
	}
	return fmt.Sprint(n)
}

// isBrokenPipe says that err is of a reader who has left.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
