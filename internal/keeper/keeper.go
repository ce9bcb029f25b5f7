//go:build linux

package keeper

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The keeper's times.
const (
	// beatTime is how long a worker may be silent before it is replaced.
	beatTime = 10 * time.Second

	// candidateTime is how long a new program may take until it is ready.
	candidateTime = 5 * time.Second

	// stopTime is how long the children have when no worker is left to stop them.
	stopTime = 10 * time.Second
)

// readyTime is how long the program of an upgrade may take until it serves, once
// it has taken over. A variable for tests.
var readyTime = 30 * time.Second

// keeper is the keeper's state. Whoever brings it something that happens calls do.
type keeper struct {
	args    []string        // set by newKeeper, never changed, like the fields up to the blank line
	env     []string        // of workers
	null    int             // /dev/null, for children
	poll    syscall.RawConn // of an epoll(7) instance with the pidfds of workers and children
	signals signals
	alarm   *time.Timer
	done    chan struct{} // closed when all is over

	mu        sync.Mutex // guards everything below, and what workers and children hold
	program   int        // an O_PATH descriptor of what workers are made of
	previous  int        // of what they were made of before, until the new program has proved itself, or of the candidate; else -1
	notices   *notices   // nil: nobody wants any
	worker    *worker    // nil while there is none
	candidate *worker    // to take the worker's place; nil: there is none
	lives     lives
	held      []item // in the order in which they came
	children  map[uint64]*childEntry
	pending   int       // launches under way
	spare     int       // descriptors that are free for certain: see full
	orphans   time.Time // when to look for them; zero: with the worker's next heartbeat
	hidden    bool      // at the last look, they may have been: a child was in front
	traced    []uint64  // workers and children that have ended, but whoever debugs them has not let go of them
	lookAt    time.Time // when to look at these again

	stopping os.Signal   // the last signal to stop, for a worker that is yet to come
	missed   []os.Signal // those of all other kinds that came while no worker could act on them
	killAt   time.Time   // no worker will come: when the children are killed; zero: not so
	over     bool
	code     int // to exit with, once over
}

// item is what is kept under a name.
type item struct {
	name  string
	files []int
}

// Run is the keeper's life: it starts workers, programs of this binary with the
// same arguments, and keeps what they hand over, until one of them says that
// all is done. It returns the exit code. Run must be called before the program
// does anything else. given are files that it keeps from the beginning, by name;
// it closes them, as it keeps descriptors of its own: a File's goes with the File.
func Run(args []string, given map[string]*os.File) int {
	k, err := newKeeper(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "gafferd: keeper: %v\n", err)
		return 1
	}
	for name, f := range given {
		if err := k.keepFile(name, f); err != nil {
			fmt.Fprintf(os.Stderr, "gafferd: keeper: keep %s: %v\n", name, err)
			return 1
		}
	}
	return k.run()
}

func newKeeper(args []string) (*keeper, error) {
	program, err := openOwn("/proc/self/exe", unix.O_PATH)
	if err != nil {
		return nil, fmt.Errorf("open this program: %w", err)
	}
	null, err := openOwn(os.DevNull, unix.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	unix.SetNonblock(poll, true) // cannot fail
	polling, err := os.NewFile(uintptr(poll), "epoll").SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("wait for ends: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become a subreaper: %w", err)
	}
	k := &keeper{
		args:     args,
		env:      slices.DeleteFunc(os.Environ(), forKeeper),
		null:     null,
		poll:     polling,
		signals:  catchSignals(),
		alarm:    time.NewTimer(0),
		done:     make(chan struct{}),
		program:  program,
		previous: -1,
		notices:  openNotices(os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")),
		children: make(map[uint64]*childEntry),
	}
	withoutSIGCHLD()
	k.lives.startAt = time.Now()
	k.takeSockets()
	go k.watch()
	return k, nil
}

// forKeeper reports whether a variable speaks to the keeper alone.
func forKeeper(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case Variable, "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS":
		return true
	}
	return false
}

// run brings the signals, and what is due, until all is over.
func (k *keeper) run() int {
	for {
		var s os.Signal // nil: something is due
		select {
		case s = <-k.signals.stop:
		case s = <-k.signals.hangUp:
		case s = <-k.signals.reopen:
		case s = <-k.signals.upgrade:
		case <-k.alarm.C:
		case <-k.done:
			return k.code
		}
		k.do(func() {
			if s != nil {
				k.signal(s)
			}
		})
	}
}

// do follows what has happened, and does what is due. One thing happens at a time, and
// nothing does once all is over.
func (k *keeper) do(follow func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return
	}
	follow()
	k.schedule(time.Now())
}

// watch brings the ends of workers and children. It ends with the program.
//
// The runtime waits for the epoll instance as for any other file: a goroutine that
// waits in epoll_wait(2) itself has no processor when it comes back.
func (k *keeper) watch() {
	err := k.poll.Read(func(fd uintptr) bool {
		for k.bringEnds(int(fd)) {
		}
		return false
	})
	panic(err) // it is ours alone, and never closed
}

// bringEnds brings those that are there, and reports whether there were any.
func (k *keeper) bringEnds(poll int) bool {
	var events [64]unix.EpollEvent
	n, err := unix.EpollWait(poll, events[:], 0)
	if err != nil && err != unix.EINTR {
		panic(os.NewSyscallError("epoll_wait", err))
	}
	for _, e := range events[:max(n, 0)] {
		id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		k.do(func() { k.ended(id) })
	}
	return n != 0
}

// await has watch tell of the end of a process, once.
func (k *keeper) await(pidfd int, id uint64) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	var err error
	if failure := k.poll.Control(func(poll uintptr) {
		err = unix.EpollCtl(int(poll), unix.EPOLL_CTL_ADD, pidfd, &e)
	}); failure != nil {
		return failure
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// schedule does what is due and sets the alarm for what comes next.
func (k *keeper) schedule(now time.Time) {
	next := now.Add(time.Hour)
	due := func(at time.Time, act func(now time.Time)) {
		if at.IsZero() {
			return
		}
		if !now.Before(at) {
			act(now)
			at = now.Add(time.Millisecond) // and looks again what is next
		}
		if at.Before(next) {
			next = at
		}
	}
	due(k.orphans, k.reapOrphans)
	due(k.lookAt, k.lookAgain)
	due(k.killAt, k.killAll)
	due(k.lives.startAt, k.startWorker)
	for _, w := range []*worker{k.worker, k.candidate} {
		if w != nil {
			due(w.giveUpAt, w.giveUp)
			due(w.readyBy, w.hangs)
		}
	}
	if k.notices != nil && k.worker != nil && k.worker.well(now) {
		due(k.notices.at, k.notices.alive)
	}
	k.alarm.Reset(time.Until(next))
}

// receive is what a worker says, or the end of that.
func (k *keeper) receive(w *worker, m message, err error) {
	if err != nil {
		k.silent(w)
		return
	}
	w.beat(time.Now())
	if m.short && m.kind != tell { // which is for those that it can be for
		k.refuse(m)
		return
	}
	switch m.kind {
	case hello:
		k.hello(w)
	case beat:
		if k.orphans.IsZero() {
			k.orphans = time.Now() // for there may be one by now, and nothing else tells
		}
	case ready:
		k.ready(w)
	case hold:
		k.hold(string(m.data), m.files)
		k.answer(m, 0)
	case drop:
		k.hold(string(m.data), nil)
	case launch:
		k.launch(m)
	case giveUp:
		k.giveUp(m.id)
	case release:
		k.unkeep(m.id, m.data...)
		k.release(m.id, m.a == 1)
	case keep:
		k.answer(m, k.keep(m.id, byte(m.a), m.files))
	case tell:
		k.signalOnce(m.id, unix.Signal(m.a), m.files)
	case unkeep:
		k.unkeep(m.id, byte(m.a))
	case forget:
		k.forget(m.id)
	case notify:
		k.notices.send(m.data)
	case leave:
		w.leaves, w.code = true, int(m.a)
	case outputs:
		takeOutputs(m.files)
	case upgrade:
		k.upgrade(string(m.data))
	default:
		m.close()
	}
}

// refuse deals with a message whose files there was no room for.
func (k *keeper) refuse(m message) {
	m.close()
	if m.kind == launch {
		k.tell(refusal(m.id, syscall.EMFILE))
		return
	}
	k.answer(m, syscall.EMFILE)
}

// answer tells the worker whether what it has asked for is done.
func (k *keeper) answer(m message, errno syscall.Errno) {
	switch {
	case m.b != 0:
		k.tell(message{kind: answered, id: uint64(m.b), a: int64(errno)})
	case m.kind == keep && errno != 0:
		k.tell(message{kind: unkept, id: m.id, a: m.a, b: int64(errno)})
	}
}

// hold puts files in the place of those that were kept under a name; none takes
// the name away.
func (k *keeper) hold(name string, files []int) {
	i := slices.IndexFunc(k.held, func(it item) bool { return it.name == name })
	if i >= 0 {
		closeAll(k.held[i].files)
		k.held = slices.Delete(k.held, i, i+1)
	}
	if len(files) > 0 {
		k.held = append(k.held, item{name, files})
		k.spare -= len(files)
	}
}

// keepFile holds a file that the keeper is given, with a descriptor of its own.
func (k *keeper) keepFile(name string, f *os.File) error {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, workerFD+1)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	k.hold(name, []int{fd})
	return f.Close()
}

// takeOutputs has the keeper, and so the workers to come, read from and write to
// other files than it was started with.
func takeOutputs(files []int) {
	for i, fd := range files[:min(3, len(files))] {
		unix.Dup3(fd, i, 0) // an error leaves what was there
	}
	closeAll(files)
}

// end ends run, and with it the keeper.
func (k *keeper) end(code int) {
	if k.over {
		return
	}
	k.over, k.code = true, code
	for _, c := range k.children {
		c.helper.kill() // else the program would begin when nobody is there any more
	}
	close(k.done)
}
