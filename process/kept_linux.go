package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/internal/keeper"
	"github.com/gafferd/gaffer/process/spawn"
)

// KeptLauncher has processes started by a keeper, as its children, so that they go on
// when this program dies. It contains them as LocalLauncher does; descendants that lose
// their parent become the keeper's.
//
// It is a Keeper, and has to be the only launcher of a program. It starts a goroutine
// only to tell of a file that could not be kept.
type KeptLauncher struct {
	conn    *keeper.Conn
	cgroups *cgroupRun // nil: not used
	oom     *oomKills
	telling sync.WaitGroup

	mu     sync.Mutex // guards closed
	closed bool       // nobody is told of anything any more
}

// NewKeptLauncher returns a launcher for the keeper that conn leads to. Close
// gives back what it holds. Only packages of this module can call it, since the
// keeper is internal to it.
func NewKeptLauncher(conn *keeper.Conn) *KeptLauncher {
	keeperPID.Store(int64(conn.KeeperPID())) // openCgroups, for one, asks for it
	l := &KeptLauncher{conn: conn, cgroups: openCgroups(), oom: newOOMKills()}
	if l.cgroups != nil {
		l.cgroups.used.Add(1) // until Close: one child after the other would have it made again
	}
	return l
}

// Close gives back what the launcher holds, when nobody is being told of anything any
// more. Children that are left go on.
func (l *KeptLauncher) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.telling.Wait()
	if l.cgroups != nil {
		l.cgroups.close()
		l.cgroups.unused()
	}
	l.oom.close()
	return nil
}

// tell has f called in a goroutine of its own, which Close waits for.
func (l *KeptLauncher) tell(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.telling.Go(f)
	}
}

// Launch implements Launcher.
func (l *KeptLauncher) Launch(c Command) (Child, error) {
	path, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	var files []int
	for _, f := range c.Files {
		fd := -1
		if f != nil {
			fd = int(f.Fd())
		}
		files = append(files, fd)
	}
	child := &keptChild{lineage: lineage{marker: c.Marker}, launcher: l, detached: c.Detach}
	if l.cgroups != nil && !c.Detach {
		child.cgroup = l.cgroups.create(strconv.Itoa(c.ID))
	}
	var kept []keeper.File
	for fd, f := range c.Ours {
		if f != nil {
			kept = append(kept, keeper.File{Number: fileNumber(fd, keptEnd), File: f})
		}
	}
	var failed error // err may be a better reason for it
	err = child.launch(&c, path, files, func(attr spawn.Attr) error {
		child.kept, failed = l.conn.Start(uint64(c.ID), attr, kept, keptLater(c.Ours))
		return failed
	})
	if errors.Is(failed, keeper.ErrGone) {
		child.killUntold()
	}
	if err != nil {
		if child.cgroup != nil {
			child.cgroup.remove()
		}
		return nil, err
	}
	child.pid = child.kept.Pid()
	family.add(child.pid)
	return child, nil
}

// GiveUp implements Launcher, also for launches of an earlier program.
func (l *KeptLauncher) GiveUp(id int) {
	_ = l.conn.GiveUp(uint64(id)) // without a keeper all launches have ended
}

// Adopt implements Keeper.
func (l *KeptLauncher) Adopt(c Command) (KeptChild, error) {
	kept := l.conn.Claim(uint64(c.ID))
	if kept == nil {
		return nil, fmt.Errorf("instance %d: %w", c.ID, ErrNotRunning)
	}
	child := &keptChild{lineage: lineage{marker: c.Marker}, launcher: l, kept: kept, detached: c.Detach}
	if l.cgroups != nil && !c.Detach && !kept.Released() {
		child.cgroup = l.cgroups.existing(strconv.Itoa(c.ID)) // without one the child is contained by what /proc tells
	}
	return child, nil
}

// LetGoRest implements Keeper.
func (l *KeptLauncher) LetGoRest() int { return l.conn.LetGoRest() }

// keptChild is a child of a keeper.
type keptChild struct {
	lineage
	launcher *KeptLauncher
	kept     *keeper.Child
	detached bool
}

// killUntold kills what a keeper has started but has not lived to tell of.
func (c *keptChild) killUntold() {
	if c.cgroup != nil {
		c.cgroup.kill() // its failure leaves what nobody knows of
		return
	}
	var now look
	now.read()
	for pid, p := range now.procs {
		if p.alive() && marks(c.marker, now.marker(pid)) {
			p.signal(syscall.SIGKILL)
		}
	}
}

func (c *keptChild) Launching() bool { return c.kept.Launching() }

func (c *keptChild) Started() error {
	if err := c.kept.Started(); err != nil {
		if errors.Is(err, keeper.ErrGone) {
			c.killUntold()
		}
		if c.cgroup != nil {
			c.cgroup.remove()
		}
		return err
	}
	c.pid, c.reaped = c.kept.Pid(), c.kept.Released()
	if !c.reaped {
		family.add(c.pid)
	}
	return nil
}

func (c *keptChild) OnEnd(f func(Status)) {
	c.kept.OnEnd(func(s keeper.Status) {
		status := Status{ExitStatus: s.Code, TermSignal: s.Signal}
		switch {
		case !s.Known:
			status = Status{ExitStatus: unknownStatus}
		case s.Signal == int(syscall.SIGKILL):
			status.OutOfMemory = c.launcher.oom.claim()
		}
		c.ended.Store(true) // from now on the control group may vanish
		f(status)
	})
}

func (c *keptChild) Release() { c.ReleaseWith() }

func (c *keptChild) ReleaseWith(numbers ...byte) {
	if c.detached {
		return // its zombie goes when there is one: see Forget
	}
	if !c.reaped {
		family.release(c.pid)
	}
	c.kept.Release(numbers...)
	if c.cgroup != nil {
		c.cgroup.remove()
	}
}

func (c *keptChild) Tell(sig syscall.Signal) error {
	others, unseen := c.others()
	told := others[:min(len(others), keeper.MaxOthers)]
	var pidfds []int
	for _, p := range told {
		if pidfd, err := p.open(); err == nil { // else it has ended, most likely
			defer unix.Close(pidfd)
			pidfds = append(pidfds, pidfd)
		}
	}
	if c.kept.Tell(sig, pidfds) != nil { // without a keeper there will be nobody else to send it
		return c.SignalAll(sig)
	}
	for _, p := range others[len(told):] {
		p.signal(sig)
	}
	c.wake(sig, others)
	return unseen
}

func (c *keptChild) Told() bool { return c.kept.Told() }

func (c *keptChild) Forget() error {
	if c.detached {
		family.release(c.pid)
		return c.kept.LetGo()
	}
	return c.kept.Forget()
}

func (c *keptChild) Files() map[byte]*os.File {
	files := make(map[byte]*os.File)
	for _, f := range c.kept.Files() {
		files[f.Number] = f.File
	}
	return files
}

func (c *keptChild) Keep(number byte, f *os.File) error {
	return c.kept.Keep(keeper.File{Number: number, File: f})
}

func (c *keptChild) KeepNow(number byte, f *os.File) error {
	return c.kept.KeepNow(keeper.File{Number: number, File: f})
}

func (c *keptChild) OnUnkept(f func(number byte, err error)) {
	c.kept.OnUnkept(func(number byte, err error) {
		c.launcher.tell(func() { f(number, err) }) // for it may wait for the keeper, whose messages wait for this call
	})
}

func (c *keptChild) CloseFile(number byte) error { return c.kept.CloseFile(number) }
