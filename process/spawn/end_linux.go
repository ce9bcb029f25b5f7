package spawn

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// End is how a program has ended: by its own exit status, or by a signal.
type End struct{ Code, Signal int }

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

// Peek asks for the end of one child of this process, or of any, and leaves the zombie.
// kind and id are those of waitid(2), as unix.P_PIDFD and a descriptor. It does not
// wait: the pid is 0 when there is none to tell of, and -1 when none is the caller's to
// ask for.
func Peek(kind, id int) (pid int, end End) {
	var info siginfo
	for {
		switch err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err {
		case nil:
		case unix.EINTR:
			continue
		default:
			return -1, end
		}
		break
	}
	const exited = 1 // CLD_EXITED; the others are signals
	if info.code == exited {
		return int(info.child.pid), End{Code: int(info.child.status)}
	}
	return int(info.child.pid), End{Signal: int(info.child.status)}
}

// Reap takes the zombie of one child away, if it is one.
func Reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != unix.EINTR {
			return
		}
	}
}

// SignalGroup signals the process group that a child was made the leader of, and the child
// also if it has left that for another group. The child has not been reaped.
func SignalGroup(pid int, sig unix.Signal) error {
	group, err := unix.Getpgid(pid)
	left := err == nil && group != pid
	err = unix.Kill(-pid, sig)
	if left {
		if own := unix.Kill(pid, sig); err == nil || err == unix.ESRCH {
			err = own
		}
	}
	return err
}
