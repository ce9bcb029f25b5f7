package manager

import (
	"errors"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
)

// wants reports whether sl should have an instance, or the prospect of one.
// s.mu must be held.
func (s *supervisor) wants(sl *slot) bool {
	return s.active && !s.held && !s.blocked && !s.flaps.suspended() && sl.index <= s.template.NumProcesses
}

// plan brings every slot in line with what is wanted, after that has changed,
// and notes which of them the operation under way has to wait for. It is the
// only thing here that takes longer with more slots. s.mu must be held.
func (s *supervisor) plan() {
	if s.active {
		s.slots.grow(s.template.NumProcesses)
	}
	for _, sl := range s.slots.all {
		s.settle(sl)
	}
	s.trim()
	for _, sl := range s.slots.all {
		if s.pending(sl) {
			s.underway.waitFor(sl)
		} else {
			s.underway.caughtUp(sl)
		}
	}
	s.roll()
	s.conclude()
}

// settle brings one slot in line with what is wanted. s.mu must be held.
func (s *supervisor) settle(sl *slot) {
	wanted := s.wants(sl)
	switch sl.state {
	case off:
		if wanted {
			s.setState(sl, due)
		}
	case due, waiting, finished:
		if !wanted {
			s.setState(sl, off)
		}
	case running:
		if !wanted {
			s.tell(sl)
		}
	case starting:
		if wanted && sl.starting.generation == s.generation {
			sl.keepStarting()
		} else if sl.giveUp == nil {
			s.giveUpLater(sl)
		}
	case stopping:
		// settled when that is over
	}
}

// giveUpAgain is how often it is tried to end a launch that hangs: there may be nothing
// yet that could be ended.
const giveUpAgain = time.Second

// giveUpLater gives up the launch of sl, which is not wanted any more, when its instance
// has had the time of a graceful stop. s.mu must be held.
func (s *supervisor) giveUpLater(sl *slot) {
	pid := sl.pid
	var timer *time.Timer
	timer = time.AfterFunc(s.template.GracefulTimeout, func() {
		s.mu.Lock()
		hangs := sl.giveUp == timer // else it was stopped when it had just fired
		if hangs {
			timer.Reset(giveUpAgain)
		}
		s.mu.Unlock()
		if hangs {
			process.GiveUp(s.m.options.Launcher, pid)
		}
	})
	sl.giveUp = timer
}

// keepStarting takes giveUpLater back. The supervisor's mu must be held.
func (sl *slot) keepStarting() {
	if sl.giveUp != nil {
		sl.giveUp.Stop()
		sl.giveUp = nil
	}
}

// settled brings one slot, to which something has happened, in line with what
// is wanted, and lets the others go on that waited for it. s.mu must be held.
func (s *supervisor) settled(sl *slot) {
	s.settle(sl)
	s.trim()
	s.roll()
	s.conclude()
}

// pending reports whether something is yet to happen to sl before what is
// wanted has been done, or tried. s.mu must be held.
func (s *supervisor) pending(sl *slot) bool {
	switch sl.state {
	case due, starting, stopping:
		return true
	case running:
		return sl.instance.generation != s.generation
	default:
		return false
	}
}

// conclude ends the operation under way if it has happened. s.mu must be held.
func (s *supervisor) conclude() {
	if s.underway.operation == nil || s.underway.behind > 0 && !s.stuck() || s.active && (s.held || s.blocked) {
		return
	}
	s.underway.end(errors.Is(s.leaving, ErrClosed))
}

// unmet reports whether the operation under way has yet to bring about instances that are
// wanted, rather than the end of some. s.mu must be held.
func (s *supervisor) unmet() bool {
	return s.active && (s.held || s.blocked) || slices.ContainsFunc(s.slots.all, func(sl *slot) bool { return sl.behind && s.wants(sl) })
}

// stuck reports whether all that the operation waits for are instances whose turn to
// be replaced does not come. s.mu must be held.
func (s *supervisor) stuck() bool {
	return s.halted && !slices.ContainsFunc(s.slots.all, func(sl *slot) bool { return sl.behind && sl.state != running })
}

// roll replaces instances of older generations, one after the other: the next
// one is told to stop when the slot before has had its new instance. A slot
// that cannot be started stops the roll, so that a mistake in a description
// does not take down what still runs. s.mu must be held.
func (s *supervisor) roll() {
	s.halted = false
	for s.rolled < len(s.slots.all) {
		sl := s.slots.all[s.rolled]
		switch {
		case sl.state == due, sl.state == starting, sl.state == stopping:
			return
		case sl.refused && (sl.state == waiting || sl.state == finished):
			s.halted = true
			return
		case sl.state == running && sl.instance.generation != s.generation:
			s.tell(sl)
			return
		}
		s.rolled++
	}
}

// tell tells the instance of sl to stop. s.mu must be held.
func (s *supervisor) tell(sl *slot) {
	event, reason := EventStopPID, s.cause
	if s.active && sl.index > s.template.NumProcesses {
		event, reason = EventReap, "scaled down"
	}
	s.order(sl, event, reason)
}

// publish publishes something about the template, or about an instance of it.
// s.mu must be held, so that events come in the order of what they tell.
func (s *supervisor) publish(event string, inst *instance) {
	ev := Event{Type: event, Name: s.name}
	if inst != nil {
		ev.PID, ev.OSPid, ev.Index = inst.pid, inst.proc.OSPid(), inst.index
		ev.Detached = inst.spec.Detach
	}
	s.emit(ev)
}

// publishExit publishes the end of an instance, which has its exit. s.mu must be held.
func (s *supervisor) publishExit(inst *instance) {
	e := &inst.exit.Exit
	s.emit(Event{
		Type: EventExit, Name: s.name, PID: inst.pid, OSPid: e.OSPid, Index: inst.index,
		ExitStatus: e.ExitStatus, TermSignal: e.TermSignal, Reason: e.Reason,
	})
}

// emit publishes an event, and records it together with what has changed. s.mu
// must be held.
func (s *supervisor) emit(ev Event) { s.m.events.publish(ev, s.changes()...) }
