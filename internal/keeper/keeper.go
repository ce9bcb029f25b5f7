//go:build linux

package keeper

import (
	"fmt"
	"os"
	"slices"
	"strings"
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

// keeper is the keeper's state. It belongs to the goroutine of run; the others
// only bring it what happens.
type keeper struct {
	args     []string
	env      []string // of workers
	program  int      // an O_PATH descriptor of what workers are made of
	previous int      // of what they were made of before, until the new program has proved itself, or of the candidate; else -1
	null     int      // /dev/null, for children
	notices  *notices // nil: nobody wants any

	poll       syscall.RawConn // of an epoll(7) instance with the pidfds of workers and children
	deliveries chan delivery
	endings    chan uint64
	launches   chan birth
	signals    signals
	alarm      *time.Timer

	worker    *worker // nil while there is none
	candidate *worker // to take the worker's place; nil: there is none
	lives     lives
	held      []item // in the order in which they came
	children  map[uint64]*childEntry
	pending   int       // launches under way
	spare     int       // descriptors that are free for certain: see full
	orphans   time.Time // when to look for them; zero: no child has ended
	hidden    bool      // at the last look, they may have been: a child was in front

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

// delivery is a message from a worker, or the end of its messages.
type delivery struct {
	from *worker
	message
	err error
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
		args:       args,
		env:        slices.DeleteFunc(os.Environ(), forKeeper),
		program:    program,
		previous:   -1,
		null:       null,
		notices:    openNotices(os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")),
		poll:       polling,
		deliveries: make(chan delivery),
		endings:    make(chan uint64),
		launches:   make(chan birth),
		signals:    catchSignals(),
		alarm:      time.NewTimer(0),
		children:   make(map[uint64]*childEntry),
	}
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

// run is the one goroutine that changes anything.
func (k *keeper) run() int {
	for !k.over {
		select {
		case d := <-k.deliveries:
			k.receive(d)
		case id := <-k.endings:
			k.ended(id)
		case b := <-k.launches:
			k.born(b)
		case s := <-k.signals.stop:
			k.signal(s)
		case s := <-k.signals.hangUp:
			k.signal(s)
		case s := <-k.signals.reopen:
			k.signal(s)
		case s := <-k.signals.upgrade:
			k.signal(s)
		case <-k.signals.childEnded:
			k.orphaned()
		case <-k.alarm.C:
		}
		k.schedule(time.Now())
	}
	return k.code
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
		k.endings <- uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
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
	due := func(at time.Time, do func(now time.Time)) {
		if at.IsZero() {
			return
		}
		if !now.Before(at) {
			do(now)
			at = now.Add(time.Millisecond) // and looks again what is next
		}
		if at.Before(next) {
			next = at
		}
	}
	due(k.orphans, k.reapOrphans)
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

// receive is what a worker says.
func (k *keeper) receive(d delivery) {
	w, m := d.from, d.message
	if d.err != nil {
		k.silent(w)
		return
	}
	w.beat(time.Now())
	if m.short {
		k.refuse(m)
		return
	}
	switch m.kind {
	case hello:
		k.hello(w)
	case beat:
	case ready:
		k.ready(w)
	case hold:
		k.hold(string(m.data), m.files)
		k.answer(m, 0)
	case drop:
		k.hold(string(m.data), nil)
	case launch:
		k.launch(m)
	case release:
		k.unkeep(m.id, m.data...)
		k.release(m.id, m.a == 1)
	case keep:
		k.answer(m, k.keep(m.id, byte(m.a), m.files))
	case tell:
		k.signalOnce(m.id, unix.Signal(m.a), m.data)
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
func (k *keeper) end(code int) { k.over, k.code = true, code }
