package process

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// fork starts a program with a umask, or the program's own when it is -1.
func fork(path string, args []string, attr *syscall.ProcAttr, umask int) (pid int, err error) {
	if umask < 0 {
		pid, _, err = syscall.StartProcess(path, args, attr)
		return pid, err
	}
	// The umask belongs to the whole process, so changing it there would race
	// with every file that is created meanwhile. A thread that has left the shared
	// file system state has one of its own. Being locked and never unlocked, the
	// thread ends with its goroutine.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			err = fmt.Errorf("set the umask: unshare: %w", err)
			return
		}
		unix.Umask(umask)
		pid, _, err = syscall.StartProcess(path, args, attr)
	}()
	<-done
	return pid, err
}

// children are those that this package has launched and not released yet. The
// kernel has one list of children for the whole program, so there is one here.
type children struct {
	forks sync.RWMutex // read-locked from a fork until the child is in pids

	mu   sync.Mutex // guards pids
	pids map[int]bool
}

var family = children{pids: make(map[int]bool)}

// launch adds the child that fork starts.
func (c *children) launch(fork func() (int, error)) (int, error) {
	c.forks.RLock()
	defer c.forks.RUnlock()
	pid, err := fork()
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pids[pid] = true
	return pid, nil
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
