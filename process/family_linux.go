package process

import (
	"sync"

	"github.com/gafferd/gaffer/process/spawn"
)

// children are those that this package has launched and not released yet. The
// kernel has one list of children for the whole program, so there is one here.
type children struct {
	forks sync.RWMutex // read-locked from a fork until the child is in pids

	mu   sync.Mutex // guards pids
	pids map[int]bool
}

var family = children{pids: make(map[int]bool)}

// launch starts a child and adds it. Nobody waits for what a helper executes: the helper
// is known by then, and told of unless helped is nil; -1 when it is about to be gone.
func (c *children) launch(a spawn.Attr, helped func(pidfd int)) (pid, pidfd int, err error) {
	c.forks.RLock()
	known := sync.OnceFunc(c.forks.RUnlock)
	defer known()
	helper := 0
	pid, pidfd, err = spawn.StartTelling(a, func(pid, pidfd int) {
		if helped != nil {
			helped(pidfd)
		}
		if pid == 0 {
			c.release(helper)
			return
		}
		helper = pid
		c.add(pid)
		known()
	})
	if err != nil {
		return 0, -1, err
	}
	c.add(pid)
	return pid, pidfd, nil
}

// add notes a child that somebody else has started for this program.
func (c *children) add(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pids[pid] = true
}

func (c *children) release(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pids, pid)
}

func (c *children) has(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pids[pid]
}

// unlessLaunched runs do unless pid is a launched child, and lets none be
// launched meanwhile.
func (c *children) unlessLaunched(pid int, do func()) {
	c.forks.Lock()
	defer c.forks.Unlock()
	if !c.has(pid) {
		do()
	}
}
