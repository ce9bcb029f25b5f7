package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// localChild is a child of this program.
//
// Its leader is looked at when it has ended, but reaped only by Release. Until
// then the zombie keeps its pid, and with it the number of the process group,
// from being given to anyone else, so both can be signalled safely.
type localChild struct {
	lineage
	launcher *LocalLauncher
	pidfd    *os.File // polled by the runtime
	detached bool
}

func (c *localChild) OnEnd(f func(Status)) {
	go func() {
		status := c.wait()
		if status.TermSignal == int(syscall.SIGKILL) {
			status.OutOfMemory = c.launcher.oom.claim()
		}
		c.ended.Store(true) // from now on the control group may vanish
		f(status)
	}()
}

// wait returns when the leader is a zombie.
func (c *localChild) wait() (status Status) {
	conn, err := c.pidfd.SyscallConn()
	if err == nil {
		err = conn.Read(func(fd uintptr) bool {
			pid, end := spawn.Peek(unix.P_PIDFD, int(fd))
			status = Status{ExitStatus: end.Code, TermSignal: end.Signal}
			if pid < 0 {
				status.ExitStatus = unknownStatus
			}
			return pid != 0
		})
	}
	if err != nil { // the launcher was closed before a detached child ended
		return Status{ExitStatus: unknownStatus}
	}
	return status
}

func (c *localChild) Release() {
	if c.detached {
		c.launcher.letGo(c)
		return
	}
	c.reap()
	if c.cgroup != nil {
		c.cgroup.remove()
	}
}

// reap takes the zombie away, and as a subreaper those that were left to us in its
// process group: nothing else would tell that they are orphans.
func (c *localChild) reap() {
	spawn.Reap(c.pid)
	for c.launcher.reaper != nil {
		pid, _ := spawn.Peek(unix.P_PGID, c.pid)
		if pid <= 0 {
			break
		}
		spawn.Reap(pid)
	}
	family.release(c.pid)
	c.pidfd.Close()
}

// unknownStatus is the exit status of a leader that somebody else waited for.
const unknownStatus = -1
