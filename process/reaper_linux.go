package process

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// reapPause lets the owners of children that have just ended release them
// before anyone looks for orphans.
const reapPause = 50 * time.Millisecond

// reaper waits for the orphans that this program has adopted as a subreaper,
// each by its pid and never for any child at all.
type reaper struct {
	ownsChildren bool       // every child that was not launched is an orphan
	cgroups      *cgroupRun // nil: not used
	ended        chan os.Signal
	stop, done   chan struct{}
}

// startReaper makes this program a subreaper. The goroutine started here ends
// with close.
func startReaper(ownsChildren bool, cgroups *cgroupRun) (*reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become a subreaper: %w", err)
	}
	r := &reaper{
		ownsChildren: ownsChildren,
		cgroups:      cgroups,
		ended:        make(chan os.Signal, 1),
		stop:         make(chan struct{}),
		done:         make(chan struct{}),
	}
	signal.Notify(r.ended, syscall.SIGCHLD)
	go r.run()
	return r, nil
}

// close ends the reaping. The program stays a subreaper, since another launcher
// may need it to be one.
func (r *reaper) close() {
	signal.Stop(r.ended)
	close(r.stop)
	<-r.done
}

// run looks for orphans after children have ended, and takes a tenth of the
// time at most for it; and once more at its end.
func (r *reaper) run() {
	defer close(r.done)
	pause := reapPause
	for stopped := false; !stopped; {
		select {
		case <-r.ended:
		case <-r.stop:
			stopped = true
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.stop:
			timer.Stop()
			stopped = true
		}
		began := time.Now()
		r.reap()
		pause = max(reapPause, 10*time.Since(began))
	}
}

// reap waits for the orphans that have ended.
func (r *reaper) reap() {
	if pid, _ := spawn.Peek(unix.P_ALL, 0); pid <= 0 {
		return // no child at all has ended, which is cheap to ask
	}
	look := processes.look()
	self := look.procs[os.Getpid()]
	for _, pid := range look.children[self.pid] {
		p := look.procs[pid]
		if p.alive() || !(r.ownsChildren || processes.knows(p.procID) || r.descends(&p, &self)) {
			continue
		}
		family.unlessLaunched(pid, func() {
			if now, err := readProc(pid); err == nil && now.procID == p.procID {
				spawn.Reap(pid)
			}
		})
	}
}

// descends reports whether a zombie certainly descends from a launched child
// rather than being one that another part of this program has started.
func (r *reaper) descends(p, self *proc) bool {
	if family.has(p.group) && p.group != self.group {
		return true // the group of a child
	}
	if p.session != self.session && p.session != p.pid {
		return true // somebody else's session, so its parent was not this program
	}
	if r.cgroups == nil {
		return false
	}
	// A zombie's cgroup is still told, even after it was removed.
	cgroups, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/cgroup")
	return err == nil && strings.Contains(string(cgroups), "0::"+r.cgroups.path+string(filepath.Separator))
}
