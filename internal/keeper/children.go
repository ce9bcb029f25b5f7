//go:build linux

package keeper

import (
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// childEntry is a child, until its worker forgets it.
type childEntry struct {
	pid       int    // 0 while it is being started
	pidfd     int    // -1 before that and when it is released
	helper    helper // until it is born
	givenUp   bool   // it is not to be born
	kept      []keptFile
	promised  int // files that are yet to be kept
	released  bool
	told      bool // by signalOnce
	letGo     bool // forgotten, and to be released when it ends
	forgotten bool // to be gone when it is released
	hasEnded  bool
	end       spawn.End
}

// helper executes a program of which it is not known how long that takes. Its pid will be
// the child's.
type helper struct{ pid, pidfd int } // the zero value: there is none

// kill keeps the program from being executed, also if the kernel waits for its disk.
func (h helper) kill() {
	if h.pid > 0 {
		unix.PidfdSendSignal(h.pidfd, unix.SIGKILL, nil, 0)
	}
}

// keptFile is a file that is kept for a child. What its number means is the
// worker's business.
type keptFile struct {
	number byte
	fd     int
}

// The bits of message.b of a child.
const (
	childEnded    = 1 << 16 // bits 0 to 7 have the status, 8 to 15 the signal
	childReleased = 1 << 17
	childTold     = 1 << 18
)

// message tells a worker of the child: the files are those that are kept, and
// data has their numbers.
func (c *childEntry) message(id uint64) message {
	m := message{kind: child, id: id, a: int64(c.pid)}
	if c.hasEnded {
		m.b = childEnded | int64(c.end.Code) | int64(c.end.Signal)<<8
	}
	if c.released {
		m.b |= childReleased
	}
	if c.told {
		m.b |= childTold
	}
	for _, f := range c.kept {
		m.data, m.files = append(m.data, f.number), append(m.files, f.fd)
	}
	return m
}

// birth is the end of a launch.
type birth struct {
	id         uint64
	pid, pidfd int
	err        error
}

// born keeps a child that was started, and tells the worker, which need not be
// the one that asked for it.
func (k *keeper) born(b birth) {
	k.pending--
	c := k.children[b.id]
	if b.err == nil {
		b.err = k.awaitBorn(b)
	}
	if b.err != nil {
		c.closeFiles()
		delete(k.children, b.id)
		k.tell(refusal(b.id, b.err))
		k.endIfAlone()
		return
	}
	c.pid, c.pidfd, c.helper = b.pid, b.pidfd, helper{}
	k.tell(message{kind: launched, id: b.id, a: int64(b.pid)})
}

// helped notes that a helper is to execute a child's program, or has failed to.
func (k *keeper) helped(c *childEntry, h helper) {
	if c.helper = h; c.givenUp {
		h.kill()
	}
}

// giveUp keeps a child from being born, if a helper is to execute it.
func (k *keeper) giveUp(id uint64) {
	if c := k.children[id]; c != nil && c.pid == 0 {
		c.givenUp = true
		c.helper.kill()
	}
}

// awaitBorn is await for a child that has just been started. If nobody would ever hear
// of its end, it is killed now, and its zombie is taken for an orphan's.
func (k *keeper) awaitBorn(b birth) error {
	err := k.await(b.pidfd, b.id)
	if err != nil {
		unix.Kill(b.pid, unix.SIGKILL)
		unix.Close(b.pidfd)
	}
	return err
}

// tell tells the worker, if there is one that knows the rest.
func (k *keeper) tell(m message) {
	if k.worker != nil && k.worker.greeted {
		k.worker.send(m)
	}
}

// ended follows the end of a worker or a child.
func (k *keeper) ended(id uint64) {
	for _, w := range []*worker{k.worker, k.candidate} {
		if w != nil && w.id == id {
			if pid, _ := spawn.Peek(unix.P_PIDFD, w.pidfd); pid == 0 {
				k.lookLater(id)
				return
			}
			k.exited(w)
			return
		}
	}
	c := k.children[id]
	if c == nil || c.pidfd < 0 || c.hasEnded {
		return
	}
	pid, end := spawn.Peek(unix.P_PIDFD, c.pidfd)
	switch {
	case pid == 0:
		k.lookLater(id)
		return
	case pid < 0:
		return
	}
	c.hasEnded, c.end = true, end
	k.endIfAlone()
	if c.letGo {
		k.release(id, false)
		return
	}
	k.tell(message{kind: ended, id: id, a: int64(end.Code), b: int64(end.Signal)})
}

// lookPause is the time between two looks at what has ended, but is traced.
const lookPause = 100 * time.Millisecond

// lookLater notes an end that cannot be followed yet: a process that was traced, by
// strace or a debugger, is its tracer's first, and nothing tells when the tracer has
// let go.
func (k *keeper) lookLater(id uint64) {
	k.traced = append(k.traced, id)
	k.lookAt = time.Now().Add(lookPause)
}

func (k *keeper) lookAgain(time.Time) {
	traced := k.traced
	k.traced, k.lookAt = nil, time.Time{}
	for _, id := range traced {
		k.ended(id)
	}
}

// signalOnce signals a child and its group, and others that descend from it, by their
// pidfds. It does so once in the child's life: that a signal was sent and that it is known
// to have been are one step, and no worker's death comes between the two.
func (k *keeper) signalOnce(id uint64, sig unix.Signal, others []int) {
	defer closeAll(others)
	c := k.children[id]
	if c == nil || c.told || c.pidfd < 0 {
		return
	}
	c.told = true
	spawn.SignalGroup(c.pid, sig)
	for _, pidfd := range others {
		unix.PidfdSendSignal(pidfd, sig, nil, 0) // an error: it has ended
	}
}

// release takes a zombie away. Until then its pid, and the number of its
// process group, are nobody else's.
func (k *keeper) release(id uint64, later bool) {
	c := k.children[id]
	if c == nil {
		return
	}
	if later {
		c.closeFiles()
		c.letGo, c.forgotten = true, true
		k.giveUp(id)
		if !c.hasEnded {
			return // it may not even have begun
		}
	}
	if c.pid == 0 {
		return
	}
	if !c.released {
		spawn.Reap(c.pid)
		unix.Close(c.pidfd)
		c.pidfd, c.released, c.promised = -1, true, 0
	}
	if c.forgotten {
		delete(k.children, id)
	} // else the next worker may have to tell how it ended
}

// keep keeps one more file for a child.
func (k *keeper) keep(id uint64, number byte, files []int) syscall.Errno {
	c := k.children[id]
	if c == nil || len(files) != 1 || len(c.kept) >= maxFiles {
		closeAll(files)
		return syscall.EINVAL
	}
	c.kept = append(c.kept, keptFile{number, files[0]})
	if c.promised > 0 {
		c.promised--
	} else {
		k.spare--
	}
	return 0
}

// unkeep closes files of a child.
func (k *keeper) unkeep(id uint64, numbers ...byte) {
	c := k.children[id]
	if c == nil {
		return
	}
	c.kept = slices.DeleteFunc(c.kept, func(f keptFile) bool {
		if !slices.Contains(numbers, f.number) {
			return false
		}
		unix.Close(f.fd)
		return true
	})
}

// forget closes all files of a child, which is gone with them once it is
// released.
func (k *keeper) forget(id uint64) {
	c := k.children[id]
	if c == nil {
		return
	}
	c.closeFiles()
	c.forgotten = true
	if c.released {
		delete(k.children, id)
	}
}

func (c *childEntry) closeFiles() {
	for _, f := range c.kept {
		unix.Close(f.fd)
	}
	c.kept, c.promised = nil, 0
}

// abandon stops the children when no worker is left that could.
func (k *keeper) abandon() {
	k.lives.startAt = time.Time{}
	k.killAt = time.Now().Add(stopTime)
	k.each(unix.SIGTERM)
	k.each(unix.SIGCONT)
	k.endIfAlone()
}

// endIfAlone ends the keeper when no worker will come and no child is left.
func (k *keeper) endIfAlone() {
	if !k.killAt.IsZero() && k.pending == 0 && k.alive() == 0 {
		k.end(1)
	}
}

// killAll ends the keeper, and the children that are left.
func (k *keeper) killAll(time.Time) {
	k.each(unix.SIGKILL)
	k.end(1)
}

// each signals all children that are there, and what is in their groups.
func (k *keeper) each(sig unix.Signal) {
	for _, c := range k.children {
		if c.pid > 0 && c.pidfd >= 0 {
			spawn.SignalGroup(c.pid, sig)
		}
		c.helper.kill()
	}
}

// alive counts the children that have not ended.
func (k *keeper) alive() (n int) {
	for _, c := range k.children {
		if !c.hasEnded {
			n++
		}
	}
	return n
}
