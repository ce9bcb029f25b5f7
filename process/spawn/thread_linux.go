package spawn

import (
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// threadState is what a child inherits from the thread that makes it, and what no
// other thread must have for a moment even.
type threadState struct {
	umask  Value
	limits threadLimits
}

// threadLimits are the Limits that belong to threads.
type threadLimits struct {
	nice           Value
	noNewPrivs     bool
	limitCaps      bool
	caps, bounding uint64
}

// maxThreads is how many threads are kept for the next child.
const maxThreads = 8

// thread is a goroutine that waits for work, on a thread of its own that has a state.
// That one runs nothing else and ends with it.
type thread struct {
	state threadState
	work  chan func()
}

// threads are those that wait, the one that was used last at the end. One is kept for
// each state: else each child would cost a thread, and Go ends a program that needs
// another when its user, or the container, may have no more.
var threads struct {
	sync.Mutex
	idle []thread
}

// takeThread is the one that waits for work of that state; nil if none does.
func takeThread(s threadState) (work chan func()) {
	threads.Lock()
	defer threads.Unlock()
	if i := idleThread(s); i >= 0 {
		work = threads.idle[i].work
		threads.idle = slices.Delete(threads.idle, i, i+1)
	}
	return work
}

// keepThread has one wait for more, in the place of the one that has for the longest
// if there are too many.
func keepThread(s threadState, work chan func()) {
	threads.Lock()
	defer threads.Unlock()
	if idleThread(s) >= 0 {
		close(work)
		return
	}
	if len(threads.idle) >= maxThreads {
		close(threads.idle[0].work)
		threads.idle = slices.Delete(threads.idle, 0, 1)
	}
	threads.idle = append(threads.idle, thread{s, work})
}

// idleThread is the index of the one that waits for work of that state, or -1.
// threads must be locked.
func idleThread(s threadState) int {
	return slices.IndexFunc(threads.idle, func(t thread) bool { return t.state == s })
}

// onThread has do run on a thread of that state.
func onThread(s threadState, do func()) error {
	work := takeThread(s)
	if work == nil {
		work = make(chan func())
		ready := make(chan error)
		go func() {
			runtime.LockOSThread() // for good, so that the thread ends with this
			err := s.set()
			ready <- err
			if err != nil {
				return
			}
			for do := range work {
				do()
			}
		}()
		if err := <-ready; err != nil {
			return err
		}
	}
	done := make(chan struct{})
	work <- func() {
		defer close(done)
		do()
	}
	<-done
	keepThread(s, work)
	return nil
}

// set gives the state to this thread.
func (s *threadState) set() error {
	if err := setUmask(s.umask); err != nil {
		return err
	}
	l := Limits{
		Nice: s.limits.nice, NoNewPrivs: s.limits.noNewPrivs,
		LimitCaps: s.limits.limitCaps, Caps: s.limits.caps, Bounding: s.limits.bounding,
	}
	if err := l.setNice(); err != nil {
		return err
	}
	if err := l.limitCaps(); err != nil {
		return err
	}
	return l.setNoNewPrivs()
}

// ofThread is what of l belongs to threads.
func (l *Limits) ofThread() threadLimits {
	return threadLimits{l.Nice, l.NoNewPrivs, l.LimitCaps, l.Caps, l.Bounding}
}

// setUmask sets the umask of this thread. It belongs to the whole process, so
// changing it there would race with every file that is created meanwhile; a
// thread that has left the shared file system state has one of its own.
func setUmask(umask Value) error {
	if !umask.Set {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return &StepError{"umask: unshare", err}
	}
	unix.Umask(umask.N)
	return nil
}
