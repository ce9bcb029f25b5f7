package process

import (
	"cmp"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
	"golang.org/x/sys/unix"
)

// lineage is a leader, whose zombie nobody takes away but its worker, with all that descends
// from it.
type lineage struct {
	pid    int
	cgroup *cgroup // nil: not contained by one
	marker string
	ended  atomic.Bool // the leader
	reaped bool        // by an earlier worker, when nothing was left: the pid may be somebody else's by now
}

func (c *lineage) Pid() int { return c.pid }

// launch has the program at path started as the leader, by start, and in the cgroup if
// there is one. files are the descriptors for cmd.Files. After an error the cgroup is
// still there, for the caller to remove.
func (c *lineage) launch(cmd *Command, path string, files []int, start func(spawn.Attr) error) error {
	attr := cmd.attr()
	attr.Files = files
	if c.cgroup != nil {
		dir, err := c.cgroup.open()
		if err != nil {
			return explain(err)
		}
		defer unix.Close(dir)
		attr.Cgroup = spawn.To(dir)
	}
	err := cmd.execute(path, func(path string) error {
		attr.Path, attr.Slow = path, cmd.slow(path)
		return start(attr)
	})
	runtime.KeepAlive(cmd.Files)
	return err
}

func (c *lineage) Signal(sig syscall.Signal) error {
	if c.ended.Load() || c.reaped {
		return os.ErrProcessDone
	}
	return done(unix.Kill(c.pid, sig))
}

// SignalAll signals the group in one call, from which nothing can fork away, and then
// those that left it.
func (c *lineage) SignalAll(sig syscall.Signal) error {
	contained := sig == syscall.SIGKILL && c.cgroup != nil && c.cgroup.kill() == nil
	others, unseen := c.others()
	if contained {
		others = slices.DeleteFunc(others, func(p proc) bool { return !p.headless() })
	}
	err := c.signal(sig, others)
	c.wake(sig, others)
	return cmp.Or(err, unseen)
}

// wake continues what is stopped, so that it sees the signal that was sent. It is
// a courtesy.
func (c *lineage) wake(sig syscall.Signal, others []proc) {
	switch sig {
	case syscall.SIGKILL, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
	default:
		c.signal(syscall.SIGCONT, others)
	}
}

// signal signals the leader, its group and others.
func (c *lineage) signal(sig syscall.Signal, others []proc) error {
	if c.reaped {
		return nil
	}
	err := done(spawn.SignalGroup(c.pid, sig))
	for _, p := range others {
		if failed := p.signal(sig); err == nil || errors.Is(err, os.ErrProcessDone) {
			err = failed
		}
	}
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// others are the descendants that are not in the leader's process group.
func (c *lineage) others() ([]proc, error) {
	all, err := c.descendants()
	return slices.DeleteFunc(all, func(p proc) bool { return p.group == c.pid }), err
}

func (c *lineage) Descendants() ([]int, error) {
	all, err := c.descendants()
	var pids []int
	for _, p := range all {
		pids = append(pids, p.pid)
	}
	return pids, err
}

// descendants are those of the leader that are alive. With an error, which is a shortage,
// there may be more.
func (c *lineage) descendants() ([]proc, error) {
	if c.reaped {
		return nil, nil
	}
	if c.cgroup != nil {
		if c.ended.Load() && c.cgroup.vanish() {
			return nil, nil
		}
		return c.cgroup.members(c.pid)
	}
	all, err := processes.members(c.pid, c.marker)
	return slices.DeleteFunc(all, func(p proc) bool { return p.pid == c.pid }), err
}

// done turns "no such process" into the error that callers know.
func done(err error) error {
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return err
}
