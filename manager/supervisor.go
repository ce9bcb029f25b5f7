package manager

import (
	"sync"
	"time"

	"github.com/gafferd/gaffer/process"
)

// supervisor keeps the instances of one template. What is wanted is changed by
// its commands, at once; run, in a goroutine of its own, brings it about.
//
// A supervisor is safe for concurrent use.
type supervisor struct {
	m           *Manager // set by newSupervisor, never changed, like the fields up to the blank line
	name        string
	predecessor <-chan struct{} // closed when those who had the name before are gone; nil if nobody had
	source      source
	app         *appOutputs   // held until forget
	wake        chan struct{} // has a token when there may be something for run to do
	gone        chan struct{} // closed when run has returned

	filed Template // fromFile: what the file said when it was last read; m.mu guards it

	mu sync.Mutex // guards everything below, also what slots and instances hold

	// What is wanted.
	template   Template
	generation int    // of the template; instances of an older one are to be replaced
	active     bool   // there should be instances, but not while …
	held       bool   // … the batch that it was loaded in has not begun
	blocked    bool   // … those who had the name before are still there
	flaps      flaps  // … it is suspended, for its instances end too often
	cause      string // why instances are stopped that are not wanted any more
	forgotten  bool   // deleted: nothing of it is kept
	leaving    error  // why it will never run again: deleted, or the manager is stopping; else nil

	// What there is.
	slots     slots
	rolled    int  // slots before this one are of the current generation
	halted    bool // one that could not be started holds up the others' turn
	underway  underway
	trouble   string         // why the last start failed; "" since one succeeded
	exits     []*instance    // those that have ended, as far as they are listed, the oldest first
	over      time.Time      // when what was to run once had ended; else zero
	expiry    *time.Timer    // then forgets it; else nil
	instances sync.WaitGroup // those that have not ended

	// What has been made of that, as long as it is not out of date.
	spec    *process.Spec // of the template, which instances share; nil: made with the next
	encoded encoded
	shown   *Snapshot // the last one that was taken; nil: none of this template

	// What is left to do when a change is complete: see unlock.
	journal   *journal    // what is to be recorded
	discarded []*instance // of which nothing is kept any more, once that is recorded
	stops     []stopOrder // given out when the mutex is free
}

// source is where a template came from.
type source int

const (
	fromAPI  source = iota // it comes back in the daemon's next life
	fromFile               // it follows the file
	fromRun                // it is to run once, and is forgotten some time after
)

// stopOrder is an instance to be stopped. Orders are given without the mutex.
type stopOrder struct {
	*instance
	reason string
}

// newSupervisor makes one that waits for those to go that had its name before. m.mu
// must be held.
func newSupervisor(m *Manager, t Template) *supervisor {
	s := &supervisor{
		m:        m,
		name:     t.Name,
		wake:     make(chan struct{}, 1),
		gone:     make(chan struct{}),
		template: t,
		app:      m.outputs.join(groupOf(t.Name)),
	}
	if m.options.Vault != nil {
		s.journal = newJournal(int(m.lastID.Add(1)))
	}
	if leaving := m.leaving[t.Name]; len(leaving) > 0 {
		s.predecessor = leaving[len(leaving)-1].gone
		s.blocked = true
	}
	return s
}

// unlock ends a critical section in which something may have changed. s.mu
// must be held.
func (s *supervisor) unlock() {
	orders := s.takeOrders()
	s.mu.Unlock()
	giveOut(orders)
}

// takeOrders ends a change: it has it recorded and saved, and run look at it. It returns
// what is to be told to instances. s.mu must be held.
func (s *supervisor) takeOrders() []stopOrder {
	nudge(s.wake)
	s.commit() // before anything is let go of: the next program would look for it
	for _, inst := range s.discarded {
		inst.discard()
	}
	s.discarded = nil
	s.m.saver.changed()
	orders := s.stops
	s.stops = nil
	return orders
}

// giveOut stops instances. No lock may be held: a process may take a moment.
func giveOut(orders []stopOrder) {
	for _, o := range orders {
		o.proc.Stop(o.reason)
	}
}

// run launches what is due when it is due. It returns when the template is
// leaving, its last instance is gone, and so are those who had its name before.
func (s *supervisor) run() {
	defer close(s.gone)
	defer s.instances.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	predecessor := s.predecessor
	for {
		launch, next, over := s.look()
		switch {
		case over && predecessor == nil:
			return
		case launch:
			s.launchDue()
			continue
		}
		var alarm <-chan time.Time
		if !next.IsZero() {
			timer.Reset(time.Until(next))
			alarm = timer.C
		}
		select {
		case <-s.wake:
		case <-alarm:
		case <-predecessor:
			predecessor = nil
			s.unblock()
		}
	}
}

// look makes due what waited for a time that has come. It reports whether
// anything is to be launched, when the next time comes (zero: never), and
// whether all is over.
func (s *supervisor) look() (launch bool, next time.Time, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.flaps.resume(now) {
		for _, sl := range s.slots.all {
			sl.restarts = 0
		}
		s.plan()
	}
	for next = s.slots.retries.next(); !next.IsZero() && !now.Before(next); next = s.slots.retries.next() {
		s.setState(s.slots.retries[0], due)
	}
	if s.flaps.suspended() {
		next = s.flaps.retryAt
	}
	return s.slots.counts[due] > 0, next, s.leaving != nil && s.slots.alive() == 0
}

// unblock lets a template begin whose name was still taken.
func (s *supervisor) unblock() {
	s.mu.Lock()
	defer s.unlock()
	s.blocked = false
	s.plan()
}
