package manager

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// instance is one run of a template's program.
type instance struct {
	pid        int // the daemon's own
	index      int // its slot's
	generation int // of the template it was made from
	owner      *supervisor

	spec *process.Spec           // what it was made from, as far as it is known; nil: it is not
	proc *process.Process        // set before anyone else sees it; nil if it could not be started
	logs map[string]*streams.Log // of one that ended in an earlier program's time, which has no proc
	kept func()                  // Forget of the logs; nil: a process.Keeper has nothing of them

	outputs []*output // its stdout and stderr, as the app's logs show them; set like proc and logs

	exit   *ExitRecord // nil: it has not ended. Guarded by owner.mu, like the rest
	leader string      // its leader's identity, once somebody has asked
	end    *Operation  // its end, if anyone waits for it
}

// labels are the labels of the logs of an instance that ended in an earlier program's
// time, in the order in which that one had them.
func (inst *instance) labels() (labels []string) {
	if inst.spec == nil {
		return nil
	}
	for _, label := range inst.spec.Labels() {
		if inst.logs[label] != nil {
			labels = append(labels, label)
		}
	}
	return labels
}

// silent reports whether inst, which has ended, is known to have written nothing.
func (inst *instance) silent(o *outline) bool {
	logs := inst.logs
	if inst.proc != nil {
		logs = inst.proc.Logs()
	}
	return !slices.ContainsFunc(o.Streams, func(label string) bool { return logs[label] == nil || logs[label].End() > 0 })
}

// lastWords are the last lines of stderr that are kept of an instance that ended in an
// earlier program's time.
func (inst *instance) lastWords() []string {
	if inst.spec == nil || len(inst.spec.RedirectOutput) < 2 {
		return nil
	}
	log := inst.logs[inst.spec.RedirectOutput[1]]
	if log == nil {
		return nil
	}
	return process.LastLines(log)
}

// neverRan reports whether inst could not be started.
func (inst *instance) neverRan() bool {
	inst.owner.mu.Lock()
	defer inst.owner.mu.Unlock()
	return inst.proc == nil && inst.exit != nil && inst.exit.OSPid == 0 && inst.exit.Reason != lost
}

// discard lets go of the output of an instance that has ended, when nobody reads
// it any more.
func (inst *instance) discard() {
	if inst.proc != nil {
		inst.proc.Forget()
	}
	if inst.kept != nil {
		inst.kept()
	}
}

// register numbers instances and finds them by their number: those that run,
// and those that have ended while their exit is listed.
type register struct {
	mu    sync.RWMutex // guards everything below; no other is taken under it
	last  int
	byPID map[int]*instance
}

// next is a pid that was never used before.
func (r *register) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return r.last
}

func (r *register) lastPID() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last
}

func (r *register) add(inst *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byPID == nil {
		r.byPID = make(map[int]*instance)
	}
	r.byPID[inst.pid] = inst
}

func (r *register) remove(inst *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byPID, inst.pid)
}

func (r *register) find(pid int) (*instance, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if inst, ok := r.byPID[pid]; ok {
		return inst, nil
	}
	return nil, notFoundPID(pid)
}

func notFoundPID(pid int) error { return fmt.Errorf("pid %d %w", pid, ErrNotFound) }

// Instance is a running instance as it is at one moment.
type Instance struct {
	PID, OSPid, Index int
	Name              string
	State             string // running, stopping
	StartedAt         time.Time
	Streams           []string
	Remaining         []int // os pids still alive while it is being stopped
}

// sighting is a running instance, noted while the supervisor's mutex was held.
type sighting struct {
	*instance
	stopping bool
}

// shown asks the process for the rest, which may take a moment.
func (s sighting) shown() Instance {
	shown := Instance{
		PID: s.pid, OSPid: s.proc.OSPid(), Index: s.index,
		Name: s.owner.name, State: running.String(),
		StartedAt: s.proc.StartedAt(), Streams: s.proc.Labels(),
	}
	if s.stopping {
		shown.State = stopping.String()
		shown.Remaining = s.proc.Remaining()
	}
	return shown
}

// sighted are all that run of the template, by slot.
func (s *supervisor) sighted() []sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make([]sighting, 0, s.slots.counts[running]+s.slots.counts[stopping])
	for _, sl := range s.slots.all {
		if sl.instance != nil {
			seen = append(seen, sighting{sl.instance, sl.state == stopping})
		}
	}
	return seen
}

// byPID sorts and shows.
func byPID(seen []sighting) []Instance {
	slices.SortFunc(seen, func(a, b sighting) int { return cmp.Compare(a.pid, b.pid) })
	shown := make([]Instance, len(seen))
	for i, s := range seen {
		shown[i] = s.shown()
	}
	return shown
}
