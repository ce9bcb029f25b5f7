package manager

import (
	"fmt"
	"slices"
	"time"
)

// state is what a slot is doing.
type state int

const (
	off      state = iota // nothing, and nothing is wanted of it
	due                   // is to be launched as soon as its turn comes
	starting              // is being launched
	running               // has an instance
	stopping              // has an instance that was told to stop
	waiting               // has a restart pending, for the sake of back-off
	finished              // its instance ended, and the restart policy wants no other
	numStates
)

// moves are the states that may follow each state.
var moves = [numStates][]state{
	off:      {due},
	due:      {starting, off},
	starting: {running, due, waiting, finished, off}, // all but running: it could not be started
	running:  {stopping, due, waiting, finished, off},
	stopping: {off},
	waiting:  {due, off},
	finished: {off},
}

func (s state) String() string {
	return [...]string{"off", "due", "starting", "running", "stopping", "waiting", "finished"}[s]
}

// slot is the place of one instance. Its index is what its instances are known
// by, one after the other. The supervisor's mutex guards it.
type slot struct {
	index    int // 1 … numprocesses; more while there are too many
	state    state
	pid      int       // of the next instance: given when it is due, so that pids go by the order in which instances were wanted
	instance *instance // in running and stopping
	queued   bool      // is in slots.due
	starting slotStart // of the instance in starting
	behind   bool      // the operation under way waits for it

	restarts int         // in a row, none of which held
	failed   bool        // the last instance ended badly, or could not be started
	refused  bool        // the last one could not be started
	retryAt  time.Time   // in waiting
	stop     string      // in stopping: why
	killAt   time.Time   // in stopping: when it is to be killed
	giveUp   *time.Timer // in starting, once it is not wanted any more: ends a launch that hangs
	place    int         // in slots.retries, in waiting
}

// slotStart is what is recorded of an instance that is being started.
type slotStart struct {
	generation int
	at         time.Time
}

// setState moves a slot on to its next state, and sees to what the operation under way
// waits for. s.mu must be held.
func (s *supervisor) setState(sl *slot, to state) {
	if !slices.Contains(moves[sl.state], to) {
		panic(fmt.Sprintf("slot %s-%d: %v to %v", s.name, sl.index, sl.state, to))
	}
	sl.keepStarting()
	s.slots.put(sl, to)
	s.journal.touch(sl)
	switch to {
	case due:
		sl.pid = s.m.pids.next()
	case waiting, finished:
		s.underway.caughtUp(sl)
	case off:
		if !s.wants(sl) { // else it is due in a moment
			s.underway.caughtUp(sl)
		}
	case running:
		if s.wants(sl) && sl.instance.generation == s.generation {
			s.underway.caughtUp(sl)
		}
	}
}

// order has the instance of sl stopped. s.mu must be held.
func (s *supervisor) order(sl *slot, event, reason string) {
	sl.stop, sl.killAt = reason, time.Now().Add(s.template.GracefulTimeout)
	s.setState(sl, stopping)
	s.publish(event, sl.instance)
	s.stops = append(s.stops, stopOrder{sl.instance, reason})
}

// trim forgets slots beyond numprocesses that are off. s.mu must be held.
func (s *supervisor) trim() {
	for _, sl := range s.slots.trim(s.template.NumProcesses) {
		s.journal.drop(sl)
		s.notePID(sl.pid)
	}
}
