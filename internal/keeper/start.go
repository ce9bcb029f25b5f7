//go:build linux

package keeper

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// File is a file that the keeper keeps for a child, by a number that means
// something to its worker.
type File struct {
	Number byte
	*os.File
}

// roomForAttr is what most environments fit in.
const roomForAttr = 8 << 10

// Start has the keeper start a program, as a child with an id that no other has,
// and keep some files for it until Forget, beside those that Keep will add: more
// of them always find room. Descriptors in a that are negative are /dev/null. The
// caller keeps its own files and closes them.
//
// An error wraps the syscall.Errno that says why it could not be started.
func (c *Conn) Start(id uint64, a spawn.Attr, files []File, more int) (*Child, error) {
	m := message{kind: launch, id: id, a: int64(more), data: append(make([]byte, 0, roomForAttr), byte(len(files)))}
	for _, f := range files {
		m.data = append(m.data, f.Number)
	}
	small := len(m.data)
	if m.data = encode(m.data, &a); len(m.data) > maxData {
		large, err := memoryFile("start", m.data[small:])
		if err != nil {
			return nil, err
		}
		defer unix.Close(large)
		m.data, m.b, m.files = m.data[:small], 1, append(m.files, large)
	}
	if a.Cgroup.Set {
		m.files = append(m.files, a.Cgroup.N)
	}
	for _, fd := range a.Files {
		if fd >= 0 {
			m.files = append(m.files, fd)
		}
	}
	for _, f := range files {
		fd, err := descriptor(f.File)
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, fd)
	}
	ch := &Child{ID: id, conn: c, started: make(chan struct{})}
	c.mu.Lock()
	c.children[id] = ch
	c.mu.Unlock()
	err := c.link.send(m)
	runtime.KeepAlive(files)
	if err == nil {
		select {
		case <-ch.started:
		case <-c.gone:
		}
		err = ch.startError()
	}
	if err != nil {
		c.mu.Lock()
		delete(c.children, id)
		c.mu.Unlock()
		return nil, err
	}
	return ch, nil
}

// GiveUp ends the launch of a child that is under way, if it is one that takes long: the
// child ends by SIGKILL before its program begins. It does nothing to one that was started.
func (c *Conn) GiveUp(id uint64) error { return c.link.send(message{kind: giveUp, id: id}) }

// startError is why a child was not started, once the wait for it is over.
func (ch *Child) startError() error {
	select {
	case <-ch.started:
		return ch.err
	default:
		return ErrGone
	}
}

// memoryFile is a file in memory with some content.
func memoryFile(name string, content []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for len(content) > 0 {
		n, err := unix.Write(fd, content)
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("write", err)
		}
		content = content[n:]
	}
	return fd, nil
}
