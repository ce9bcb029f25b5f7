//go:build linux

package keeper

import (
	"errors"
	"fmt"
	"os"
	"runtime"
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
		case unkept:
			if ch := c.child(m.id); ch != nil {
				ch.notKept(byte(m.a), fmt.Errorf("the keeper: %w", syscall.Errno(m.b)))
			}
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
			if !ch.ended {
				go ch.watch()
			}
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
	if len(path) >= unix.PathMax { // the keeper's answer, which has it too, would be too large
		return unix.ENAMETOOLONG
	}
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

// descriptor is that of a file, which stays in the mode that it is in.
func descriptor(f *os.File) (fd int, err error) {
	conn, err := f.SyscallConn()
	if err == nil {
		err = conn.Control(func(n uintptr) { fd = int(n) })
	}
	return fd, err
}
