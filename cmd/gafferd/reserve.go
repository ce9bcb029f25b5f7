package main

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// spareThreads is about how many system calls that block are under way at the
// same time when a lot of children are started and stopped.
const spareThreads = 16

// reserveThreads has the runtime make n threads, which it keeps for later. Go
// ends a program that needs a thread when the user may have no more processes
// (ulimit -u), and the daemon must not die of what its children use up.
func reserveThreads(n int) {
	var made, ended sync.WaitGroup
	made.Add(n)
	release := make(chan struct{})
	for range n {
		ended.Go(func() {
			runtime.LockOSThread() // so that each waits on a thread of its own
			defer runtime.UnlockOSThread()
			made.Done()
			<-release
		})
	}
	made.Wait()
	close(release)
	ended.Wait()
}

// spareDescriptors is for how many descriptors there is room from the beginning: those of
// some thousand children.
const spareDescriptors = 16 << 10

// reserveDescriptors has the kernel make room for n descriptors, or for as many as there
// may be. Their table grows when it is full, and whoever opens the file that does not fit
// waits until no thread can be looking at the old one any more, which takes Linux some
// 10 ms.
func reserveDescriptors(n int) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	last := min(uint64(n), limit.Cur) - 1
	if fd, err := unix.FcntlInt(os.Stdin.Fd(), unix.F_DUPFD_CLOEXEC, int(last)); err == nil {
		unix.Close(fd)
	}
}
