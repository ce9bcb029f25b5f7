//go:build linux

package keeper

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// orphanPause is the time between two looks for orphans while there are any. It lets
// workers release the children that have just ended.
const orphanPause = 50 * time.Millisecond

// reapOrphans takes away the zombies that are no child of a worker's: a process that
// loses its parent becomes the keeper's child.
func (k *keeper) reapOrphans(now time.Time) {
	k.orphans = time.Time{}
	if k.unborn() {
		k.orphans = now.Add(orphanPause) // one that is being born is not known yet
		return
	}
	var known map[int]bool
	for {
		pid, _ := spawn.Peek(unix.P_ALL, 0)
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
		spawn.Reap(pid)
		k.orphans = now.Add(orphanPause) // where one is, others often come
	}
	if !k.hidden { // its worker is about to release it, most likely
		k.hidden, k.orphans = true, now.Add(20*orphanPause)
		return
	}
	for _, pid := range zombies() {
		if !known[pid] {
			spawn.Reap(pid)
		}
	}
	k.orphans = now.Add(max(20*orphanPause, 10*time.Since(now))) // until the one in front is released
}

// unborn reports whether there is a launch under way of which no pid is known.
func (k *keeper) unborn() bool {
	unborn := k.pending
	if unborn == 0 {
		return false
	}
	for _, c := range k.children {
		if c.helper.pid > 0 {
			unborn--
		}
	}
	return unborn > 0
}

// known are the pids of children and workers. One that was released is nobody's,
// or somebody else's.
func (k *keeper) known() map[int]bool {
	pids := make(map[int]bool, len(k.children))
	for _, c := range k.children {
		if c.pidfd >= 0 {
			pids[c.pid] = true
		}
		if c.helper.pid > 0 {
			pids[c.helper.pid] = true
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
