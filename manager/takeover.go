package manager

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams/archive"
)

// What Resume makes of the instances of an earlier program: those that have ended, and
// those that may still run.

// resumeExits brings back how instances have ended, and what they had printed.
// s.mu must be held.
func (s *supervisor) resumeExits(saved *supervisorState) {
	exits := slices.SortedFunc(maps.Values(saved.exits), func(a, b exitRecord) int {
		return cmp.Or(a.EndedAt.Compare(b.EndedAt), cmp.Compare(a.PID, b.PID))
	})
	for _, e := range exits {
		inst := &instance{pid: e.PID, index: e.Index, owner: s, exit: e.listed()}
		inst.exit.NextRetryAt = e.NextRetryAt
		s.recall(inst, saved.made[e.PID])
		s.exits = append(s.exits, inst)
		s.m.pids.add(inst)
	}
}

// justEnded is how long ago an instance has ended at most of which nothing may have been
// written to disk yet. What is not there of an older one was removed.
const justEnded = time.Minute

// recall finds the output of an instance that has ended, and has the rest of it written
// to disk: the end is recorded at once, and what was printed just before it somewhat
// later. s.mu must be held.
func (s *supervisor) recall(inst *instance, made json.RawMessage) {
	if t, err := parseDescription(made); err == nil {
		spec := t.Spec // which is kept, unlike the rest of t
		inst.spec = &spec
		file := s.archiveOf(inst.pid)
		if file != nil || time.Since(inst.exit.EndedAt) < justEnded {
			file = s.reopen(inst)
		}
		o := s.optionsFor(inst, file)
		if inst.logs, inst.kept, err = process.Recall(&spec, o); err == nil {
			if file != nil && !written(file, inst.logs, spec.Outputs()) {
				s.archiveOutput(file, inst)
			}
			return
		}
	}
	if file := s.archiveOf(inst.pid); file != nil {
		spec, logs := recalled(file, s.name)
		inst.spec, inst.logs = cmp.Or(inst.spec, spec), logs
	}
}

// resumeSlot brings back a slot, with its instance if it has one; see takeOver. s.mu must
// be held.
func (s *supervisor) resumeSlot(sl *slot, r slotRecord, saved *supervisorState) (later func(), err error) {
	r.RetryAt = notAfter(r.RetryAt, s.template.Backoff.Max)
	r.KillAt = notAfter(r.KillAt, s.template.GracefulTimeout)
	sl.pid, sl.restarts, sl.failed, sl.refused, sl.retryAt = r.PID, r.Restarts, r.Failed, r.Refused, r.RetryAt
	sl.starting = slotStart{r.Generation, r.StartedAt}
	s.slots.put(sl, r.State)
	switch r.State {
	case starting, running, stopping:
		return s.takeOver(sl, r, saved)
	}
	return nil, nil
}

// notAfter is a recorded time of what was to happen within d. It is sooner only if the
// clock was set back since.
func notAfter(at time.Time, d time.Duration) time.Time {
	if latest := time.Now().Add(d); at.After(latest) {
		return latest
	}
	return at
}

// takeOver brings back an instance. One that was being started may never have been, or
// still be starting: then later brings it back, without s.mu. s.mu must be held.
func (s *supervisor) takeOver(sl *slot, r slotRecord, saved *supervisorState) (later func(), err error) {
	t, err := parseDescription(saved.made[r.PID])
	if err != nil {
		return nil, err
	}
	spec := t.Spec // which is kept, unlike the rest of t
	inst := &instance{pid: r.PID, index: sl.index, generation: r.Generation, owner: s, spec: &spec}
	file := s.reopen(inst)
	claim, err := process.NewClaim(&spec, s.optionsFor(inst, file))
	if err == nil && claim.Launching() {
		return func() { s.takeOverLater(sl, inst, claim, r.StartedAt, file) }, nil
	}
	if err == nil {
		inst.proc, err = claim.Adopt(process.Was{StartedAt: r.StartedAt, Reason: r.Stop, KillAt: r.KillAt})
	}
	if err != nil {
		s.m.options.Logger.Warn("not there any more", "process", s.name, "pid", inst.pid, "error", err)
		s.missing(sl, inst, r)
		return nil, nil
	}
	if t.Detach {
		s.launched(sl, inst)
		return nil, nil
	}
	s.archiveOutput(file, inst)
	s.m.pids.add(inst)
	sl.instance, sl.stop, sl.killAt = inst, r.Stop, r.KillAt
	switch r.State {
	case starting:
		s.setState(sl, running)
		s.publish(EventSpawn, inst)
	case stopping:
		s.stops = append(s.stops, stopOrder{inst, r.Stop}) // does nothing to one that was told
	}
	return nil, nil
}

// takeOverLater brings back an instance that is still being started, once it is, which
// nobody else is made to wait for.
func (s *supervisor) takeOverLater(sl *slot, inst *instance, claim *process.Claim, at time.Time, file *archive.File) {
	var err error
	inst.proc, err = claim.Adopt(process.Was{StartedAt: at})
	s.attempted(sl, inst, file, err)
}

// missing deals with an instance that is not there. s.mu must be held.
func (s *supervisor) missing(sl *slot, inst *instance, r slotRecord) {
	if r.State == starting { // it never was
		s.slots.put(sl, due)
		return
	}
	s.slots.put(sl, off)
	s.journal.touch(sl)
	if file := s.archiveOf(inst.pid); file != nil {
		_, inst.logs = recalled(file, s.name)
	}
	s.m.pids.add(inst)
	s.addExit(inst, ExitRecord{PID: inst.pid, Exit: process.Exit{
		StartedAt: r.StartedAt, EndedAt: time.Now(), ExitStatus: lostStatus, Reason: lost, Stderr: inst.lastWords(),
	}})
	s.publishExit(inst)
}
