package manager

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
)

// keptExits is how many exits of a template are listed.
const keptExits = 20

// ExitRecord is how an instance ended, and when another one follows.
type ExitRecord struct {
	PID int
	process.Exit
	NextRetryAt time.Time // zero if one follows at once, or none does
}

// lost is the reason of an exit that nobody saw: the daemon was killed.
const lost = "lost: gafferd was killed while it ran"

// lostStatus stands in the place of an exit status that is not known.
const lostStatus = 255

// exited follows the end of a running instance.
func (s *supervisor) exited(sl *slot, inst *instance) {
	exit := inst.proc.Exit()
	s.m.options.Logger.Info("ended", "process", s.name, "pid", inst.pid, "exit", exit)
	s.mu.Lock()
	defer s.unlock()
	sl.failed = exit.ExitStatus != 0 || exit.TermSignal != 0
	s.ended(sl, inst, exit)
	s.settled(sl)
}

// ended decides what follows the end of an instance, or its failure to start,
// and makes both known. s.mu must be held.
func (s *supervisor) ended(sl *slot, inst *instance, exit process.Exit) {
	next, flapping := off, false
	switch {
	case sl.state == stopping || !s.wants(sl): // it was asked for
	case inst.generation != s.generation:
		next = due // its turn has come early: what the old program did says nothing about the new one
	default:
		next, flapping = s.judge(sl, exit)
	}
	record := ExitRecord{PID: inst.pid, Exit: exit}
	switch {
	case flapping:
		record.NextRetryAt = s.flaps.retryAt
	case next == waiting:
		record.NextRetryAt = sl.retryAt
	}
	sl.instance = nil
	s.setState(sl, next)
	s.addExit(inst, record)
	forGood := s.overForGood()
	runEnded := s.runEnds(time.Now())
	s.publishExit(inst)
	if forGood {
		s.m.endEssential(s.name, exit)
	}
	if inst.end != nil {
		inst.end.finish(nil)
	}
	if flapping {
		s.publish(EventFlap, nil)
		s.cause = "flapping"
	}
	if flapping || runEnded {
		s.plan()
	}
}

// judge applies the policies to an end that nobody asked for: what becomes of
// the slot, and whether the template is stopped because it flaps. s.mu must be held.
func (s *supervisor) judge(sl *slot, exit process.Exit) (next state, flapping bool) {
	t := &s.template
	if !t.Restart.wanted(sl.failed) {
		return finished, false
	}
	if !sl.refused {
		s.credit(sl, exit.EndedAt.Sub(exit.StartedAt))
	}
	now := time.Now()
	if s.flaps.exit(t.Flapping, now) {
		if s.flaps.gaveUp {
			s.active = false
		}
		return off, true
	}
	pause := t.Backoff.delay(sl.restarts, rand.Float64())
	sl.restarts++
	if pause == 0 {
		return due, false
	}
	sl.retryAt = now.Add(pause)
	return waiting, false
}

// credit lets a long life make up for the short ones before. s.mu must be held.
func (s *supervisor) credit(sl *slot, lived time.Duration) {
	t := &s.template
	sl.restarts = t.Backoff.after(sl.restarts, lived)
	if t.Flapping != nil && lived >= max(t.Backoff.Reset, t.Flapping.Window) {
		s.flaps.reset()
	}
}

// addExit keeps an exit, and the output of its instance with it, in the place
// of the oldest. s.mu must be held.
func (s *supervisor) addExit(inst *instance, record ExitRecord) {
	inst.exit = &record
	s.list(inst)
	if s.forgotten {
		s.forgetExits(0)
	} else {
		s.forgetExits(keptExits)
	}
}

// list adds an instance that has its exit to those that are listed. s.mu must be held.
func (s *supervisor) list(inst *instance) {
	s.exits = append(s.exits, inst)
	s.encoded.exits = nil
	s.noteExit(inst)
}

// lastWritten are the streams to which the last instance of a slot has written, as long
// as its exit is listed. s.mu must be held.
func (s *supervisor) lastWritten(sl *slot) []string {
	for _, inst := range slices.Backward(s.exits) {
		if inst.index == sl.index && inst.proc != nil {
			return inst.proc.Written()
		}
	}
	return nil
}

// forgetExits forgets all but the last of the exits. Their output goes when
// nobody reads it any more. s.mu must be held.
func (s *supervisor) forgetExits(keep int) {
	for len(s.exits) > keep {
		inst := s.exits[0]
		s.exits[0] = nil
		s.exits = s.exits[1:]
		s.encoded.exits = nil
		s.m.pids.remove(inst)
		s.m.outputs.remove(s.app, inst.outputs)
		s.noteForgotten(inst)
		s.discarded = append(s.discarded, inst)
	}
}

// Exits are the last 20 exits of the process, the oldest first, with starts
// that failed among them.
func (m *Manager) Exits(name string) ([]ExitRecord, error) {
	s, err := m.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]ExitRecord, len(s.exits))
	for i, inst := range s.exits {
		records[i] = *inst.exit
	}
	return records, nil
}

// ExitOf is the exit of an instance that has ended, as long as it is among
// those that Exits lists.
func (m *Manager) ExitOf(pid int) (ExitRecord, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return ExitRecord{}, err
	}
	inst.owner.mu.Lock()
	defer inst.owner.mu.Unlock()
	if inst.exit == nil {
		return ExitRecord{}, fmt.Errorf("exit of %w: it is running", notFoundPID(pid))
	}
	return *inst.exit, nil
}
