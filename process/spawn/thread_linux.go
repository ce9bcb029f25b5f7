package spawn

import (
	"runtime"
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

// threads are goroutines that wait, each on a thread of its own that has a state.
// Their threads run nothing else and end with them. One is kept for each state:
// else each child would cost a thread, and Go ends a program that needs another
// when its user, or the container, may have no more.
var threads = struct {
	sync.Mutex
	idle map[threadState]chan func()
}{idle: map[threadState]chan func(){}}

// onThread has do run on a thread of that state.
func onThread(s threadState, do func()) error {
	threads.Lock()
	work := threads.idle[s]
	delete(threads.idle, s)
	threads.Unlock()
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
	threads.Lock()
	defer threads.Unlock()
	if threads.idle[s] != nil || len(threads.idle) >= maxThreads {
		close(work)
	} else {
		threads.idle[s] = work
	}
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
