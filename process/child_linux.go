package process

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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
			var pid int
			pid, status = peek(unix.P_PIDFD, int(fd))
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

// reap takes the zombie away, and as a subreaper those that were left to us in
// its process group, of which nothing else would tell that they are orphans.
func (c *localChild) reap() {
	waitFor(c.pid)
	for c.launcher.reaper != nil {
		pid, _ := peek(unix.P_PGID, c.pid)
		if pid <= 0 {
			break
		}
		waitFor(pid)
	}
	family.release(c.pid)
	c.pidfd.Close()
}

// waitFor takes one zombie away.
func waitFor(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != unix.EINTR {
			return
		}
	}
}

// unknownStatus is the exit status of a leader that somebody else waited for.
const unknownStatus = -1

// siginfo is what waitid(2) fills in.
type siginfo struct {
	signo, errno, code int32
	child              struct {
		_      [0]uintptr // aligns it as the kernel's union, which has pointers
		pid    int32
		uid    uint32
		status int32
	}
	_ [128]byte // it has 128 bytes in all; more does no harm
}

// peek asks for the end of one process, or of any, without reaping it. The pid
// is 0 when there is none to tell of, and -1 when none is ours to ask for.
func peek(kind, id int) (int, Status) {
	var info siginfo
	for {
		switch err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err {
		case nil:
		case unix.EINTR:
			continue
		default:
			return -1, Status{ExitStatus: unknownStatus}
		}
		break
	}
	const exited = 1 // CLD_EXITED; the others are signals
	if info.code == exited {
		return int(info.child.pid), Status{ExitStatus: int(info.child.status)}
	}
	return int(info.child.pid), Status{TermSignal: int(info.child.status)}
}
