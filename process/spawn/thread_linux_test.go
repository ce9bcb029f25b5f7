package spawn

import (
	"os"
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

// The main thread stays as it is: the program's descriptors, for one, are looked for there.
func TestTheMainThreadIsLeftAlone(t *testing.T) {
	for range 20 {
		th, err := newThread(threadState{umask: To(0o27)})
		if err != nil {
			t.Fatal(err)
		}
		th.run(func() {
			if unix.Gettid() == os.Getpid() {
				t.Error("it is the main thread")
			}
		})
		close(th.work)
	}
}
