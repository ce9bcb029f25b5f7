package process

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// lineage is a leader whose zombie nobody has taken away, with all that descends
// from it.
type lineage struct {
	pid    int
	cgroup *cgroup // nil: not contained by one
	marker string
	ended  atomic.Bool // the leader
}

func (c *lineage) Pid() int { return c.pid }

func (c *lineage) Signal(sig syscall.Signal) error {
	if c.ended.Load() {
		return os.ErrProcessDone
	}
	return done(unix.Kill(c.pid, sig))
}

// SignalAll signals the group in one call, of which nothing can fork away, and
// then those who left it.
func (c *lineage) SignalAll(sig syscall.Signal) error {
	if sig == syscall.SIGKILL && c.cgroup != nil && c.cgroup.kill() == nil {
		return nil
	}
	err := c.signalAll(sig)
	c.wake(sig)
	return err
}

// wake continues what is stopped, so that it sees the signal that was sent. It is
// a courtesy.
func (c *lineage) wake(sig syscall.Signal) {
	switch sig {
	case syscall.SIGKILL, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
	default:
		c.signalAll(syscall.SIGCONT)
	}
}

func (c *lineage) signalAll(sig syscall.Signal) error {
	errs := []error{done(unix.Kill(-c.pid, sig))}
	for _, p := range c.members() {
		if p.group != c.pid {
			errs = append(errs, p.signal(sig))
		}
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	return nil
}

func (c *lineage) Descendants() []int {
	var pids []int
	for _, p := range c.members() {
		if p.pid != c.pid {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// members are the leader, unless it has ended, and its descendants.
func (c *lineage) members() []proc {
	if c.cgroup != nil {
		return c.cgroup.members()
	}
	return processes.members(c.pid, c.marker)
}

// done turns "no such process" into the error that callers know.
func done(err error) error {
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return err
}
