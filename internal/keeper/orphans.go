//go:build linux

package keeper

import (
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// orphanPause is the time between two looks for orphans while there are any. It lets
// workers release the children that have just ended.
const orphanPause = 50 * time.Millisecond

// reapOrphans takes away the zombies that are no child of a worker's: who loses
// its parent becomes the keeper's.
func (k *keeper) reapOrphans(now time.Time) {
	k.orphans = time.Time{}
	if k.pending > 0 {
		k.orphans = now.Add(orphanPause) // one that is being born is not known yet
		return
	}
	var known map[int]bool
	for {
		pid, _ := peek(unix.P_ALL, 0)
		if pid <= 0 {
			k.hidden = false
			return
		}
		if known == nil {
			known = k.known()
		}
		if known[pid] { // it hides those behind it
			break
		}
		reap(pid)
		k.orphans = now.Add(orphanPause) // where one is, others often come
	}
	if !k.hidden { // its worker is about to release it, most likely
		k.hidden, k.orphans = true, now.Add(20*orphanPause)
		return
	}
	for _, pid := range zombies() {
		if !known[pid] {
			reap(pid)
		}
	}
	k.orphans = now.Add(max(20*orphanPause, 10*time.Since(now))) // until the one in front is released
}

// known are the pids of children and workers. One that was released is nobody's,
// or somebody else's.
func (k *keeper) known() map[int]bool {
	pids := make(map[int]bool, len(k.children))
	for _, c := range k.children {
		if c.pidfd >= 0 {
			pids[c.pid] = true
		}
	}
	for _, w := range []*worker{k.worker, k.candidate} {
		if w != nil {
			pids[w.pid] = true
		}
	}
	return pids
}

// zombies are the keeper's children that have ended.
func zombies() (pids []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	self := strconv.Itoa(os.Getpid())
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state parent …, where the name may have any bytes
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[0] == "Z" && fields[1] == self {
			pids = append(pids, pid)
		}
	}
	return pids
}

// reap takes one zombie away.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != unix.EINTR {
			return
		}
	}
}

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

// peek asks for the end of one process, or of any, and leaves the zombie. The
// pid is 0 when there is none to tell of, and -1 when none is the keeper's.
func peek(kind, id int) (pid int, status exitStatus) {
	var info siginfo
	for {
		switch err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err {
		case nil:
		case unix.EINTR:
			continue
		default:
			return -1, status
		}
		break
	}
	const exited = 1 // CLD_EXITED; the others are signals
	if info.code == exited {
		return int(info.child.pid), exitStatus{code: int(info.child.status)}
	}
	return int(info.child.pid), exitStatus{signal: int(info.child.status)}
}
