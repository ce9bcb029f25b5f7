//go:build linux

package keeper

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// workerSlack is how late the kernel may wake up a thread of a worker that sleeps for a
// certain time, and so how late a worker's timers may be. Otherwise it is 50 µs.
//
// It is for a thread of Go's runtime that sleeps for as little as 20 µs at a time, and
// interrupts a core at work after each: docs/performance.md tells what that costs.
const workerSlack = time.Millisecond

// withSlack runs do on a thread whose children have that timer slack, if theirs would be
// smaller. See PR_SET_TIMERSLACK(2const): a program keeps what it began with.
func withSlack(slack time.Duration, do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	was, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil && time.Duration(was) < slack {
		unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) // without it all works as well
		defer unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(was), 0, 0, 0)
	}
	do()
}
