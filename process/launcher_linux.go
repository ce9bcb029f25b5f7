package process

import (
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/gafferd/gaffer/process/spawn"
	"golang.org/x/sys/unix"
)

// LocalLauncher starts processes as children of this program.
//
// Each child leads a process group of its own. Where cgroup v2 is writable it
// also gets a cgroup, which nothing leaves by forking or setsid; elsewhere its
// descendants are found in /proc: by parent, by process group, and when they
// have lost their parent by the marker in their environment.
//
// It has a goroutine for each child, which waits for its end, and one more as a
// subreaper. No OS thread waits for a child.
type LocalLauncher struct {
	null    int        // /dev/null, of which every child gets a duplicate
	cgroups *cgroupRun // nil: not used
	reaper  *reaper    // nil: not a subreaper
	oom     *oomKills
	work    sync.WaitGroup // the waits for detached children

	mu       sync.Mutex // guards everything below
	detached map[*localChild]bool
	helpers  map[int]int // the pidfds of those that execute programs now, by Command.ID
}

// NewLocalLauncher returns a launcher that starts processes as children of this
// program. Close gives back what it holds.
//
// Descriptors that this program was itself started with are marked
// close-on-exec, since a child that inherits one by accident keeps it open.
func NewLocalLauncher(o LauncherOptions) (*LocalLauncher, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, explain(err))
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		unix.Close(null)
		return nil, fmt.Errorf("the kernel has no pidfds, Linux 5.4 or later is needed: %w", explain(err))
	}
	unix.Close(self)
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // before Linux 5.11 they stay as they are
	l := &LocalLauncher{null: null, oom: newOOMKills(), detached: make(map[*localChild]bool), helpers: make(map[int]int)}
	if !o.NoCgroups {
		l.cgroups = openCgroups()
	}
	if o.Subreaper {
		if l.reaper, err = startReaper(o.OwnsChildren, l.cgroups); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Close gives back what the launcher holds. The children that are left are not
// touched, and must not be used through it any more.
func (l *LocalLauncher) Close() error {
	l.mu.Lock()
	for child := range l.detached {
		child.pidfd.SetReadDeadline(past) // fails only on one that is over
	}
	l.mu.Unlock()
	l.work.Wait()
	if l.reaper != nil {
		l.reaper.close()
	}
	if l.cgroups != nil {
		l.cgroups.close()
	}
	l.oom.close()
	return os.NewSyscallError("close", unix.Close(l.null))
}

// Launch implements Launcher.
func (l *LocalLauncher) Launch(c Command) (Child, error) {
	path, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	child := &localChild{lineage: lineage{marker: c.Marker}, launcher: l, detached: c.Detach}
	if l.cgroups != nil && !c.Detach {
		child.cgroup = l.cgroups.create(l.cgroups.next()) // without one the child is contained by what /proc tells
	}
	var pidfd int
	err = child.launch(&c, path, l.files(c.Files), func(attr spawn.Attr) (err error) {
		child.pid, pidfd, err = family.launch(attr, func(pidfd int) { l.helped(c.ID, pidfd) })
		l.helped(c.ID, -1)
		return err
	})
	if err != nil {
		if child.cgroup != nil {
			child.cgroup.remove()
		}
		return nil, err
	}
	unix.SetNonblock(pidfd, true) // cannot fail, and makes NewFile have it polled
	child.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	return child, nil
}

// helped notes the helper of a launch; -1: there is none any more.
func (l *LocalLauncher) helped(id, pidfd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == 0 {
		return // nobody can name it
	}
	if pidfd < 0 {
		delete(l.helpers, id)
	} else {
		l.helpers[id] = pidfd
	}
}

// GiveUp implements Launcher.
func (l *LocalLauncher) GiveUp(id int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pidfd, ok := l.helpers[id]; ok {
		unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) // an error: it has just ended
	}
}

// attr is what c is for the kernel, without the file and the descriptors.
func (c *Command) attr() spawn.Attr {
	attr := spawn.Attr{
		Args:    c.Args,
		Env:     c.Env,
		Dir:     c.Dir,
		Setsid:  c.Detach,
		Setpgid: !c.Detach,
		Umask:   spawn.Value{Set: c.Umask >= 0, N: c.Umask},
		Limits:  c.Limits,
	}
	if user := c.Credential; user != nil {
		attr.SetUser, attr.UID, attr.GID, attr.Groups = true, user.UID, user.GID, user.Groups
	}
	return attr
}

// letGo waits for a detached child as long as this program lasts.
func (l *LocalLauncher) letGo(child *localChild) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.detached[child] = true
	l.work.Go(func() {
		child.wait()
		child.reap()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.detached, child)
	})
}

// files are the descriptors of the child, by its own numbers.
func (l *LocalLauncher) files(files []*os.File) []int {
	fds := make([]int, len(files))
	for i, f := range files {
		if fds[i] = l.null; f != nil {
			fds[i] = int(f.Fd())
		}
	}
	return fds
}
