package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Identity tells the leader from any process that has its pid later, also to
// another program. It is "" once it has ended.
func (p *Process) Identity() string {
	if !p.hold() {
		return ""
	}
	defer p.work.Done()
	if err := p.child.Signal(0); errors.Is(err, os.ErrProcessDone) { // an earlier program may have released it
		return ""
	}
	leader, err := readProc(p.child.Pid())
	if err != nil {
		return ""
	}
	return leader.identity()
}

func (p *proc) identity() string { return fmt.Sprintf("%s:%d:%d", boot, p.pid, p.start) }

// boot tells this life of the machine from others, in which pids may be the same.
var boot = func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}()

// EndSurvivors ends what an earlier program, which is gone, has left behind and could
// not end itself: leaders with one of these identities, processes whose Marker began
// with prefix, and all that descends from them. They are told to stop, and killed after
// the grace. It returns how many there were, when none is left any more or ctx ends.
func EndSurvivors(ctx context.Context, prefix string, identities []string, grace time.Duration) (found int, err error) {
	told := make(map[procID]bool)
	began := time.Now()
	for pause := firstSweep; ; pause = min(2*pause, lastSweep) {
		left, err := survivors(prefix, identities)
		if len(left) == 0 && err == nil {
			return len(told), nil
		}
		for _, p := range left {
			switch {
			case time.Since(began) > grace:
				_ = p.signal(syscall.SIGKILL) // its failure shows in the next look
			case !told[p.procID]:
				_ = p.signal(syscall.SIGTERM)
				_ = p.signal(syscall.SIGCONT)
			}
			told[p.procID] = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return len(told), fmt.Errorf("end what is left of an earlier life: %d processes are still there: %w", len(left), context.Cause(ctx))
		}
	}
}

// survivors are those that are there now. With an error there may be more.
func survivors(prefix string, identities []string) ([]proc, error) {
	var now look
	now.read()
	var roots []int
	for pid, p := range now.procs {
		if p.alive() && (slices.Contains(identities, p.identity()) || prefix != "" && bears(now.marker(pid), prefix)) {
			roots = append(roots, pid)
		}
	}
	left := slices.DeleteFunc(now.below(roots), func(p proc) bool { return p.pid == os.Getpid() || p.pid == guardian() })
	return left, now.err
}

// bears reports whether a marker, or one that it continues, begins with prefix.
func bears(marker, prefix string) bool {
	_, value, _ := strings.Cut(marker, "=")
	for mark := range strings.SplitSeq(value, "/") {
		if strings.HasPrefix(mark, prefix+"-") {
			return true
		}
	}
	return false
}
