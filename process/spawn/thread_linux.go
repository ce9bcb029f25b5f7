package spawn

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// threadState is what a child inherits from the thread that makes it, and what no other
// thread must have even for a moment.
type threadState struct {
	umask  Value
	limits threadLimits
	apart  bool // it has descriptors of its own, and few: see startApart
}

// threadLimits are the Limits that belong to threads.
type threadLimits struct {
	nice           Value
	noNewPrivs     bool
	limitCaps      bool
	caps, bounding uint64
}

const (
	// maxThreads is how many threads are kept for the next child.
	maxThreads = 8

	// maxApart is how many there are at most that are apart.
	maxApart = 4
)

// thread is a goroutine that waits for work, on a thread of the kernel's that has a
// state. That thread runs nothing else and ends with the goroutine.
type thread struct {
	state threadState
	work  chan func()
	door  *door // nil: it shares our descriptors
}

// threads are those that wait, the one that was used last at the end. Some are kept for
// each state: else each child would cost a thread, and Go ends a program that needs
// another when its user, or the container, may have no more.
var threads struct {
	sync.Mutex
	idle      []*thread
	apart     int  // how many are apart, idle or not
	forbidden bool // to leave the others' descriptors
}

var errBusy = errors.New("all threads that are apart are busy")

// takeThread returns a thread of that state that waits for work, or else a new one. It
// returns errBusy if there can be no more.
func takeThread(s threadState) (*thread, error) {
	threads.Lock()
	defer threads.Unlock()
	if i := slices.IndexFunc(threads.idle, func(t *thread) bool { return t.state == s }); i >= 0 {
		t := threads.idle[i]
		threads.idle = slices.Delete(threads.idle, i, i+1)
		return t, nil
	}
	if s.apart {
		if threads.forbidden || threads.apart == maxApart {
			return nil, errBusy
		}
		threads.apart++
	}
	threads.Unlock()
	t, err := newThread(s)
	threads.Lock()
	if err != nil && s.apart {
		threads.apart--
		// Each try takes a thread: one is enough.
		_, step := errors.AsType[*StepError](err)
		threads.forbidden = threads.forbidden || !step && !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE)
	}
	return t, err
}

// keepThread has a thread wait for more work, in the place of the one that has waited
// longest if there are too many.
func keepThread(t *thread) {
	threads.Lock()
	defer threads.Unlock()
	if !t.state.apart && slices.ContainsFunc(threads.idle, func(other *thread) bool { return other.state == t.state }) {
		t.end()
		return
	}
	if len(threads.idle) >= maxThreads {
		threads.idle[0].end()
		threads.idle = slices.Delete(threads.idle, 0, 1)
	}
	threads.idle = append(threads.idle, t)
}

// newThread makes a thread of that state.
func newThread(s threadState) (*thread, error) {
	t := &thread{state: s, work: make(chan func())}
	if s.apart {
		var err error
		if t.door, err = newDoor(); err != nil {
			return nil, err
		}
	}
	ready := make(chan error)
	go onOwnThread(func() {
		err := s.set()
		if err == nil && s.apart {
			err = t.door.goThrough()
		}
		ready <- err
		if err != nil {
			return
		}
		for do := range t.work {
			do()
		}
	})
	err := <-ready
	if s.apart {
		unix.Close(t.door.theirs) // which the thread has of its own
	}
	if err != nil {
		if s.apart {
			unix.Close(t.door.ours)
		}
		return nil, err
	}
	return t, nil
}

// onOwnThread runs do on a thread of the kernel's that ends with it. That is not the main
// thread, which never ends: what /proc tells of the main thread, as of its descriptors and
// its umask, is taken for the whole program's.
func onOwnThread(do func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		do()
		return
	}
	began := make(chan struct{})
	go onOwnThread(func() {
		close(began)
		do()
	})
	<-began // so that it did not begin on this thread
	runtime.UnlockOSThread()
}

// end ends a thread that has nothing to do. threads must be locked.
func (t *thread) end() {
	close(t.work)
	if t.state.apart {
		unix.Close(t.door.ours)
		threads.apart--
	}
}

// run has do run on the thread.
func (t *thread) run(do func()) {
	done := make(chan struct{})
	t.work <- func() {
		defer close(done)
		do()
	}
	<-done
}

// onThread has do run on a thread of that state.
func onThread(s threadState, do func()) error {
	t, err := takeThread(s)
	if err != nil {
		return err
	}
	t.run(do)
	keepThread(t)
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
