package spawn

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestThreadsOfTheLastStatesAreKept has more states than threads are kept for: the
// last ones are, whatever was wanted before.
func TestThreadsOfTheLastStatesAreKept(t *testing.T) {
	thread := func(umask int) (id int) {
		if err := onThread(threadState{umask: To(umask)}, func() { id = unix.Gettid() }); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for umask := range 2 * maxThreads {
		thread(umask)
	}
	last := thread(2*maxThreads - 1)
	if again := thread(2*maxThreads - 1); again != last {
		t.Errorf("the second one of a state ran on thread %d, the first on %d", again, last)
	}
	if len(threads.idle) != maxThreads {
		t.Errorf("%d threads wait", len(threads.idle))
	}
}
