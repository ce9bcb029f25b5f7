//go:build linux

package keeper

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

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

	// Guarded by conn.mu.
	ended  bool
	status Status                       // once it has ended
	onEnd  func(Status)                 // nil: nobody has asked
	unkept func(number byte, err error) // nil: nobody wants to know
}

// Status is how a child ended.
type Status struct {
	Code, Signal int
	Known        bool // false: the keeper was gone before it could tell
}

// watch finds out about the end of a child for itself. How it ended is told to its
// parent, which is somebody else by now.
func (ch *Child) watch() {
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

// finish notes how the child has ended, unless that is known.
func (ch *Child) finish(s Status) {
	c := ch.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.ended {
		return
	}
	ch.ended, ch.status = true, s
	if ch.onEnd != nil {
		go ch.onEnd(s)
	}
}

// Pid is the child's process id. It is called after Started.
func (ch *Child) Pid() int { return ch.pid }

// Launching reports whether Started would wait.
func (ch *Child) Launching() bool {
	select {
	case <-ch.started:
		return false
	default:
		return true
	}
}

// Started waits until the child was started, or could not be: then nothing is left
// of it.
func (ch *Child) Started() error {
	<-ch.started
	if ch.err != nil {
		for _, f := range ch.files {
			f.Close()
		}
		ch.files = nil
		ch.drop()
	}
	return ch.err
}

// Files are what was kept for the child when an earlier worker ended. They are
// the caller's.
func (ch *Child) Files() []File { return ch.files }

// Released says that an earlier worker has released the child already.
func (ch *Child) Released() bool { return ch.released }

// MaxOthers is how many others Tell takes.
const MaxOthers = maxFiles

// Tell has the keeper signal the child, its process group and others, unless it
// has done so before, for an earlier worker. The others are pidfds, which no process that
// comes later can be taken for; the caller keeps its own.
func (ch *Child) Tell(sig unix.Signal, others []int) error {
	return ch.conn.link.send(message{kind: tell, id: ch.ID, a: int64(sig), files: others})
}

// Told says that an earlier worker has had the child signalled by Tell.
func (ch *Child) Told() bool { return ch.told }

// OnEnd has f called, in a goroutine of its own that begins when the child has ended.
// OnEnd is called once.
func (ch *Child) OnEnd(f func(Status)) {
	c := ch.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.ended {
		go f(ch.status)
		return
	}
	ch.onEnd = f
}

// Release takes the zombie away, and closes the files with these numbers. Until
// then the child's pid is nobody else's.
func (ch *Child) Release(numbers ...byte) error {
	return ch.conn.link.send(message{kind: release, id: ch.ID, data: numbers})
}

// LetGo is Release, and Forget, for a child that may have yet to end.
func (ch *Child) LetGo() error {
	ch.drop()
	return ch.conn.link.send(message{kind: release, id: ch.ID, a: 1})
}

// Keep has one more file kept for the child: whatever becomes of this worker from
// now on, the keeper gets it. That it has no room for it is told by OnUnkept. The
// caller keeps its own.
func (ch *Child) Keep(f File) error { return ch.keep(f, ch.conn.link.send) }

// KeepNow is Keep, and waits until the file is kept, or cannot be.
func (ch *Child) KeepNow(f File) error { return ch.keep(f, ch.conn.ask) }

func (ch *Child) keep(f File, send func(message) error) error {
	fd, err := descriptor(f.File)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(f)
	return send(message{kind: keep, id: ch.ID, a: int64(f.Number), files: []int{fd}})
}

// OnUnkept has f called for each file given to Keep that is not kept. f must not wait
// for the keeper. OnUnkept is called once, before Keep.
func (ch *Child) OnUnkept(f func(number byte, err error)) {
	ch.conn.mu.Lock()
	defer ch.conn.mu.Unlock()
	ch.unkept = f
}

// notKept hears that a file is not kept.
func (ch *Child) notKept(number byte, err error) {
	ch.conn.mu.Lock()
	f := ch.unkept
	ch.conn.mu.Unlock()
	if f != nil {
		f(number, err)
	}
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
