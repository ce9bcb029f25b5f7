//go:build linux

package keeper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Connect finds out whether this program was started by a keeper, and takes over
// what the worker before it had handed over. It returns nil when there is no
// keeper.
//
// A program that is to take another worker's place is asked first whether it can: prove
// gets the files kept as State, which are nil if there are none, and returns an error
// if it cannot. Then Connect returns when the other has ended.
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
	// A program that was executed by a descriptor is called by the number of that in
	// lists of processes.
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
		started: make(chan struct{}),
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
