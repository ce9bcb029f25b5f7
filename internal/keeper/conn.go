//go:build linux

package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The names of what the keeper itself looks at.
const (
	State   = "state"   // what a candidate has to be able to read
	Sockets = "socket:" // with a number: what the service manager has opened
)

// beatPause is the time between two heartbeats.
const beatPause = 3 * time.Second

// ErrGone means that the keeper is dead.
var ErrGone = errors.New("the keeper is gone")

// Conn is a worker's end of the link to its keeper. Its methods may be called
// concurrently, but for those that say otherwise.
type Conn struct {
	link     *link
	pid      int
	worker   int    // which of the keeper's workers this is, from 1
	previous string // how the one before ended
	gone     chan struct{}
	yield    chan struct{}

	held map[string][]*os.File // at the beginning, until they are taken
	left map[uint64]*Child     // by earlier workers, until they are claimed

	mu       sync.Mutex // guards everything below
	children map[uint64]*Child
	upgrade  chan error // the answer to an upgrade; nil: none is under way
	asked    map[int64]chan error
	asks     int64 // so far
}

// Child is a child that the keeper has for this worker.
type Child struct {
	ID       uint64
	conn     *Conn
	pid      int
	released bool
	told     bool
	files    []File // that were kept when an earlier worker ended

	started chan struct{} // closed when pid is known, or err
	err     error
	ended   chan struct{}
	status  Status
}

// Status is how a child ended.
type Status struct {
	Code, Signal int
	Known        bool // false: the keeper was gone before it could tell
}

// Connect finds out whether this program was started by a keeper, and takes over
// what the worker before it had handed over. It returns nil when there is no
// keeper.
//
// A program that is to take another worker's place is asked first whether it
// can: prove gets the files kept as State, which are nil if there are none, and
// says so. Then Connect returns when the other has ended.
func Connect(prove func(state []*os.File) error) (*Conn, error) {
	value, ok := os.LookupEnv(Variable)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(Variable)
	fd, err := strconv.Atoi(value)
	if err != nil {
		return nil, fmt.Errorf("%s=%q is no descriptor", Variable, value)
	}
	unix.CloseOnExec(fd)
	l, err := newLink(fd)
	if err != nil {
		return nil, fmt.Errorf("%s=%d is no link to a keeper: %w", Variable, fd, err)
	}
	// Executed by a descriptor, it is called by the number of that one in lists of
	// processes.
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
	c := &Conn{
		link: l, gone: make(chan struct{}), yield: make(chan struct{}),
		held: make(map[string][]*os.File), left: make(map[uint64]*Child), children: make(map[uint64]*Child),
		asked: make(map[int64]chan error),
	}
	if err := c.takeOver(prove); err != nil {
		return nil, fmt.Errorf("take over from the keeper: %w", err)
	}
	go c.listen()
	return c, nil
}

// takeOver receives what is kept.
func (c *Conn) takeOver(prove func([]*os.File) error) error {
	if err := c.link.send(message{kind: hello, a: Version}); err != nil {
		return err
	}
	for {
		m, err := c.link.receive()
		if err == nil && m.short {
			m.close()
			err = errors.New("too many open files: raise the limit (ulimit -n)")
		}
		if err != nil {
			return err
		}
		switch m.kind {
		case welcome:
			if m.a != Version {
				return fmt.Errorf("it speaks version %d of the protocol, this program %d: restart gafferd", m.a, Version)
			}
			c.pid, c.worker, c.previous = int(m.b), int(m.id), string(m.data)
		case held:
			c.held[string(m.data)] = opened(m.files, string(m.data))
		case child:
			c.adopt(m)
		case yield:
			if err := prove(c.held[State]); err != nil {
				return err
			}
			c.closeHeld()
			if err := c.link.send(message{kind: ready}); err != nil {
				return err
			}
		case begin:
			return nil
		default:
			m.close()
		}
	}
}

func (c *Conn) closeHeld() {
	for name, files := range c.held {
		for _, f := range files {
			f.Close()
		}
		delete(c.held, name)
	}
}

// adopt notes a child of an earlier worker.
func (c *Conn) adopt(m message) {
	ch := &Child{
		ID: m.id, conn: c, pid: int(m.a), released: m.b&childReleased != 0, told: m.b&childTold != 0,
		started: make(chan struct{}), ended: make(chan struct{}),
	}
	for i, f := range opened(m.files, "child") {
		ch.files = append(ch.files, File{m.data[i], f})
	}
	if ch.pid != 0 {
		close(ch.started)
	}
	if m.b&childEnded != 0 {
		ch.finish(Status{Code: int(m.b & 0xff), Signal: int(m.b >> 8 & 0xff), Known: true})
	}
	c.children[m.id], c.left[m.id] = ch, ch
}

// opened are files for descriptors. Those that do not block are polled.
func opened(fds []int, name string) []*os.File {
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), name)
	}
	return files
}

// listen receives what the keeper tells. It ends with the keeper.
func (c *Conn) listen() {
	defer close(c.gone)
	for {
		m, err := c.link.receive()
		if err != nil {
			c.orphaned()
			return
		}
		switch m.kind {
		case launched, refused:
			c.started(m)
		case ended:
			if ch := c.child(m.id); ch != nil {
				ch.finish(Status{Code: int(m.a), Signal: int(m.b), Known: true})
			}
		case answered:
			c.answered(m)
		case yield:
			c.answer(nil)
			select {
			case <-c.yield:
			default:
				close(c.yield)
			}
		case stays:
			c.answer(errors.New(string(m.data)))
		default:
			m.close()
		}
	}
}

func (c *Conn) child(id uint64) *Child {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.children[id]
}

// started is the answer to Start.
func (c *Conn) started(m message) {
	ch := c.child(m.id)
	if ch == nil {
		m.close()
		return
	}
	if m.kind == refused {
		ch.err = refusedAs(m)
	} else {
		ch.pid = int(m.a)
	}
	close(ch.started)
}

// orphaned ends the waits for what the keeper would have told.
func (c *Conn) orphaned() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.children {
		select {
		case <-ch.started:
			go ch.watch()
		default:
			ch.err = ErrGone
			close(ch.started)
		}
	}
	if c.upgrade != nil {
		c.upgrade <- ErrGone
		c.upgrade = nil
	}
}

// watch finds out about the end of a child for itself. How it ended somebody
// else is told, whoever is its parent now.
func (ch *Child) watch() {
	select {
	case <-ch.ended:
		return
	default:
	}
	defer ch.finish(Status{})
	fd, err := unix.PidfdOpen(ch.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	if group, err := unix.Getpgid(ch.pid); err != nil || group != ch.pid {
		return // it has ended, and the pid is another's
	}
	if conn, err := pidfd.SyscallConn(); err == nil {
		conn.Read(func(fd uintptr) bool {
			polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(polls, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
	}
}

func (ch *Child) finish(s Status) {
	select {
	case <-ch.ended:
	default:
		ch.status = s
		close(ch.ended)
	}
}

// KeeperPID is the process id of the keeper, which is the parent of all
// children and of their orphans.
func (c *Conn) KeeperPID() int { return c.pid }

// Worker says which of the keeper's workers this is, counted from 1, and how the
// one before ended; "" when there was none.
func (c *Conn) Worker() (number int, previous string) { return c.worker, c.previous }

// Gone is closed when the keeper is dead.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

// Yield is closed when another worker waits for this one's end, to take over.
func (c *Conn) Yield() <-chan struct{} { return c.yield }

// Beat tells the keeper that this worker is well, again and again, until stop is
// closed; well is called before each and may take its time when it is not.
func (c *Conn) Beat(stop <-chan struct{}, well func()) {
	ticker := time.NewTicker(beatPause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			well()
			c.link.send(message{kind: beat}) // fails when the keeper is gone
		case <-c.gone:
			return
		case <-stop:
			return
		}
	}
}

// Ready tells the keeper that this worker does its work. One that has said so is
// replaced when it dies.
func (c *Conn) Ready() error { return c.link.send(message{kind: ready}) }

// Leave tells the keeper to end with that exit code as soon as this worker does.
func (c *Conn) Leave(code int) error { return c.link.send(message{kind: leave, a: int64(code)}) }

// Notify has the service manager told, in the form of sd_notify(3).
func (c *Conn) Notify(text string) error {
	return c.link.send(message{kind: notify, data: []byte(text)})
}

// Outputs has the keeper, and the workers after this one, use in for standard
// input and out for standard output and error.
func (c *Conn) Outputs(in, out *os.File) error {
	m := message{kind: outputs}
	for _, f := range []*os.File{in, out, out} {
		fd, err := descriptor(f)
		if err != nil {
			return err
		}
		m.files = append(m.files, fd)
	}
	defer runtime.KeepAlive(in)
	defer runtime.KeepAlive(out)
	return c.link.send(m)
}

// Upgrade has this worker replaced by the program at path. It returns nil when
// that one has proved that it can read the state: then Yield is closed and this
// one is to end. An error says why the upgrade will not take place.
func (c *Conn) Upgrade(path string) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	if c.upgrade != nil {
		c.mu.Unlock()
		return errors.New("another upgrade is under way")
	}
	c.upgrade = answer
	c.mu.Unlock()
	if err := c.link.send(message{kind: upgrade, data: []byte(path)}); err != nil {
		c.answer(err)
	}
	return <-answer
}

// answer ends an upgrade that is under way.
func (c *Conn) answer(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upgrade != nil {
		c.upgrade <- err
		c.upgrade = nil
	}
}

// ask sends a message and waits until it has had its effect.
func (c *Conn) ask(m message) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	c.asks++
	m.b = c.asks
	c.asked[m.b] = answer
	c.mu.Unlock()
	err := c.link.send(m)
	if err == nil {
		select {
		case err = <-answer:
		case <-c.gone:
			err = ErrGone
		}
	}
	c.mu.Lock()
	delete(c.asked, m.b)
	c.mu.Unlock()
	return err
}

// answered is the answer to ask.
func (c *Conn) answered(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.asked[int64(m.id)]
	switch {
	case answer == nil: // nobody waits any more
	case m.a != 0:
		answer <- fmt.Errorf("the keeper: %w", syscall.Errno(m.a))
	default:
		answer <- nil
	}
}

// Hold has files kept under a name, in the place of those before, and returns when
// they are; none takes the name away. The caller keeps its own.
func (c *Conn) Hold(name string, files ...*os.File) error {
	if len(files) == 0 {
		return c.link.send(message{kind: drop, data: []byte(name)})
	}
	m := message{kind: hold, data: []byte(name)}
	for _, f := range files {
		fd, err := descriptor(f)
		if err != nil {
			return err
		}
		m.files = append(m.files, fd)
	}
	defer runtime.KeepAlive(files)
	return c.ask(m)
}

// Held are the names of what was kept when this worker began, and has not been
// taken since, that begin with prefix.
func (c *Conn) Held(prefix string) (names []string) {
	for name := range c.held {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// Take returns what was kept under a name when this worker began, which is the
// caller's to close. It goes on being kept. Held and Take are for one goroutine.
func (c *Conn) Take(name string) []*os.File {
	files := c.held[name]
	delete(c.held, name)
	return files
}

// Claim returns the child of an earlier worker that has an id, once; nil if there
// is none. Claim and LetGoRest are for one goroutine.
func (c *Conn) Claim(id uint64) *Child {
	ch := c.left[id]
	delete(c.left, id)
	return ch
}

// LetGoRest lets go of the children of earlier workers that nobody has claimed,
// and says how many there were.
func (c *Conn) LetGoRest() int {
	n := len(c.left)
	for id, ch := range c.left {
		delete(c.left, id)
		for _, f := range ch.files {
			f.Close()
		}
		ch.LetGo() // fails when the keeper is gone, with all that it had
	}
	return n
}

// descriptor is that of a file, which stays in the mode that it is in.
func descriptor(f *os.File) (fd int, err error) {
	conn, err := f.SyscallConn()
	if err == nil {
		err = conn.Control(func(n uintptr) { fd = int(n) })
	}
	return fd, err
}

// Pid is the child's process id. It is called after Started.
func (ch *Child) Pid() int { return ch.pid }

// Started waits until the child was started, or could not be.
func (ch *Child) Started() error {
	<-ch.started
	return ch.err
}

// Files are what was kept for the child when an earlier worker ended. They are
// the caller's.
func (ch *Child) Files() []File { return ch.files }

// Released says that an earlier worker has released the child already.
func (ch *Child) Released() bool { return ch.released }

// maxOthers is how many others Tell takes.
const maxOthers = maxData / 4

// Tell has the keeper signal the child, its process group and others, unless it
// has done so before, for an earlier worker.
func (ch *Child) Tell(sig unix.Signal, others []int) error {
	m := message{kind: tell, id: ch.ID, a: int64(sig)}
	for _, pid := range others[:min(len(others), maxOthers)] {
		m.data = binary.LittleEndian.AppendUint32(m.data, uint32(pid))
	}
	return ch.conn.link.send(m)
}

// Told says that an earlier worker has had the child signalled by Tell.
func (ch *Child) Told() bool { return ch.told }

// Wait returns when the child has ended.
func (ch *Child) Wait() Status {
	<-ch.ended
	return ch.status
}

// Release takes the zombie away. Until then the child's pid is nobody else's.
func (ch *Child) Release() error {
	return ch.conn.link.send(message{kind: release, id: ch.ID})
}

// LetGo is Release, and Forget, for a child that may have yet to end.
func (ch *Child) LetGo() error {
	ch.drop()
	return ch.conn.link.send(message{kind: release, id: ch.ID, a: 1})
}

// Keep has one more file kept for the child, and returns when it is. The caller
// keeps its own.
func (ch *Child) Keep(f File) error {
	fd, err := descriptor(f.File)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(f)
	return ch.conn.ask(message{kind: keep, id: ch.ID, a: int64(f.Number), files: []int{fd}})
}

// CloseFile has the keeper close one of the child's files.
func (ch *Child) CloseFile(number byte) error {
	return ch.conn.link.send(message{kind: unkeep, id: ch.ID, a: int64(number)})
}

// Forget has the keeper close all files of the child.
func (ch *Child) Forget() error {
	ch.drop()
	return ch.conn.link.send(message{kind: forget, id: ch.ID})
}

func (ch *Child) drop() {
	c := ch.conn
	c.mu.Lock()
	delete(c.children, ch.ID)
	c.mu.Unlock()
}
