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
	queued   bool      // is in supervisor.due
	starting slotStart // of the instance in starting
	behind   bool      // the operation under way waits for it

	restarts int         // in a row, none of which held
	failed   bool        // the last instance ended badly, or could not be started
	refused  bool        // the last one could not be started
	retryAt  time.Time   // in waiting
	stop     string      // in stopping: why
	killAt   time.Time   // in stopping: when it is to be killed
	giveUp   *time.Timer // in starting, once it is not wanted any more: ends a launch that hangs
	place    int         // in supervisor.retries, in waiting
}

// slotStart is what is recorded of an instance that is being started.
type slotStart struct {
	generation int
	at         time.Time
}

// setState moves a slot on to its next state. It keeps what hangs on the state:
// the counts, the queues, and what the operation waits for. s.mu must be held.
func (s *supervisor) setState(sl *slot, to state) {
	if !slices.Contains(moves[sl.state], to) {
		panic(fmt.Sprintf("slot %s-%d: %v to %v", s.name, sl.index, sl.state, to))
	}
	if sl.state == waiting {
		s.retries.drop(sl)
	}
	sl.keepStarting()
	s.put(sl, to)
	s.touch(sl)
	switch to {
	case due:
		sl.pid = s.m.pids.next()
		s.enqueue(sl)
	case waiting:
		s.retries.add(sl)
		s.caughtUp(sl)
	case finished:
		s.caughtUp(sl)
	case off:
		if !s.wants(sl) { // else it is due in a moment
			s.caughtUp(sl)
		}
	case running:
		if s.wants(sl) && sl.instance.generation == s.generation {
			s.caughtUp(sl)
		}
	}
}

// put is the only assignment to a slot's state, and counts it. It asks for no move:
// a slot that is resumed is put where it was. s.mu must be held.
func (s *supervisor) put(sl *slot, to state) {
	s.counts[sl.state]--
	s.counts[to]++
	sl.state = to
}

// order has the instance of sl stopped. s.mu must be held.
func (s *supervisor) order(sl *slot, event, reason string) {
	sl.stop, sl.killAt = reason, time.Now().Add(s.template.GracefulTimeout)
	s.setState(sl, stopping)
	s.publish(event, sl.instance)
	s.stops = append(s.stops, stopOrder{sl.instance, reason})
}

// grow makes slots, up to n of them. s.mu must be held.
func (s *supervisor) grow(n int) {
	for len(s.slots) < n {
		s.slots = append(s.slots, &slot{index: len(s.slots) + 1})
		s.counts[off]++
	}
}

// trim forgets slots beyond numprocesses that are off, from the end. s.mu must
// be held.
func (s *supervisor) trim() {
	n := len(s.slots)
	for n > s.template.NumProcesses && s.slots[n-1].state == off {
		n--
	}
	s.counts[off] -= len(s.slots) - n
	for _, sl := range s.slots[n:] {
		s.note(s.key(".%d", sl.index), nil)
		s.notePID(sl.pid)
		delete(s.records.slots, sl)
	}
	clear(s.slots[n:])
	s.slots = s.slots[:n]
}

// enqueue puts sl at the end of those that are due. s.mu must be held.
func (s *supervisor) enqueue(sl *slot) {
	if !sl.queued {
		sl.queued = true
		s.due = append(s.due, sl)
	}
}

// dequeue takes the first slot that is still due, or nil. s.mu must be held.
func (s *supervisor) dequeue() *slot {
	for len(s.due) > 0 {
		sl := s.due[0]
		s.due[0] = nil
		s.due = s.due[1:]
		sl.queued = false
		if sl.state == due {
			return sl
		}
	}
	s.due = nil // and its array, which has been as long as there were slots
	return nil
}
