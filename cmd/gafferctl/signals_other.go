//go:build !unix

package main

import (
	"fmt"
	"os"
)

// interrupts are the signals by which a user ends a program.
var interrupts = []os.Signal{os.Interrupt}

// brokenPipe is empty: a program whose output nobody reads learns it from its
// writes.
var brokenPipe []os.Signal

// signalName is a signal as people know it.
func signalName(n int) string { return fmt.Sprint(n) }

// isBrokenPipe says that err is of a reader who has left.
func isBrokenPipe(error) bool { return false }
