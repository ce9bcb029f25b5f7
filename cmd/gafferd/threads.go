package main

import (
	"runtime"
	"sync"
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
