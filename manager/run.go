package manager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// attachTime is how long what Run has started waits for its first reader
	// before output is forgotten as usual.
	attachTime = 10 * time.Second

	// keptRuns is how many that have ended are listed at most.
	keptRuns = 1000
)

// NewRunName is a name for Run that nobody else has.
func NewRunName() string { return "run-" + strings.ToLower(rand.Text()[:10]) }

// Run starts a program once and returns when it runs. Its template is listed
// like any other, under the name that t has, until Options.RunHistory after its
// end; then it is deleted, and with it what it wrote. NumProcesses, Restart, Start and
// Flapping are set by Run. Stop or Delete end it early.
//
// With t.Backpressure the program waits for its readers, and for up to 10 s for
// the first of each stream, so that nothing of its output can be missed.
//
// The error is that of Create, why it could not be started, or ctx's.
func (m *Manager) Run(ctx context.Context, t Template) (Instance, error) {
	t.NumProcesses, t.Restart, t.Start, t.Flapping = 1, RestartNever, true, nil
	if err := m.check(&t); err != nil {
		return Instance{}, err
	}
	if t.Detach {
		return Instance{}, fmt.Errorf("detach: %w: what is run has its output followed", ErrBadValue)
	}
	m.thinRuns()
	s, o, err := m.startRun(t)
	if err != nil {
		return Instance{}, err
	}
	if err := o.Wait(ctx); err != nil {
		m.Delete(t.Name) // an error: somebody else has
		return Instance{}, err
	}
	return s.ran()
}

func (m *Manager) startRun(t Template) (*supervisor, *Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.admit(t.Name); err != nil {
		return nil, nil, err
	}
	s := m.add(t, fromRun)
	o := newOperation(1)
	return s, o, s.command(o, (*supervisor).start)
}

// thinRuns forgets the oldest that have ended, if there are too many.
func (m *Manager) thinRuns() {
	var over []*supervisor
	for _, s := range m.all() {
		s.mu.Lock()
		if s.source == fromRun && !s.over.IsZero() {
			over = append(over, s)
		}
		s.mu.Unlock()
	}
	for len(over) >= keptRuns {
		over[0].forgetRun()
		over = over[1:]
	}
}

// ran is the instance of a template that is run once, which may have ended.
func (s *supervisor) ran() (Instance, error) {
	if seen := byPID(s.sighted()); len(seen) > 0 {
		return seen[0], nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.exits) == 0 || s.exits[0].proc == nil {
		return Instance{}, notFound(s.name)
	}
	return sighting{instance: s.exits[0]}.shown(), nil
}

// runEnds lets what was to run once be forgotten in due time, if it is at rest. It
// reports whether that is so; plan has to follow then. s.mu must be held.
func (s *supervisor) runEnds(now time.Time) bool {
	if s.source != fromRun || s.leaving != nil || !s.over.IsZero() || !s.atRest() {
		return false
	}
	s.active = false
	s.forgetAfter(now)
	return true
}

// atRest reports whether nothing runs, and nothing will by itself. s.mu must be held.
func (s *supervisor) atRest() bool {
	if s.slots.alive() > 0 || s.active && (s.blocked || s.flaps.suspended()) {
		return false
	}
	for _, sl := range s.slots.all {
		if s.wants(sl) && sl.state != finished {
			return false
		}
	}
	return true
}

// runBegins takes that back: it was started again. s.mu must be held.
func (s *supervisor) runBegins() {
	s.over = time.Time{}
	if s.expiry != nil {
		s.expiry.Stop()
	}
}

// forgetAfter has what was over at a time forgotten when that is long ago. s.mu must
// be held.
func (s *supervisor) forgetAfter(over time.Time) {
	s.over = over
	s.expiry = time.AfterFunc(time.Until(over.Add(s.m.options.RunHistory)), s.forgetRun)
}

// expire is runEnds for what ended in an earlier life of the daemon (zero: it
// was cut off by that one's end).
func (s *supervisor) expire(ended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ended.IsZero() {
		ended = time.Now()
	}
	s.forgetAfter(ended)
}

// forgetOutput removes from disk what something wrote that was run once. Each
// has a name of its own, so the limits of a process alone would be no bound.
func (s *supervisor) forgetOutput() {
	if s.m.options.State != nil {
		s.m.options.State.logs.Forget(s.name)
	}
}

// forgetLostRuns removes from disk what is left of those that were forgotten
// when an earlier daemon was killed. m.mu must be held.
func (m *Manager) forgetLostRuns() {
	logs := m.options.State.logs
	for _, names := range logs.Processes() {
		for _, name := range names {
			files := logs.Files(name)
			if m.byName[name] == nil && len(files) > 0 && metaOf(files[0]).Once {
				logs.Forget(name)
			}
		}
	}
}

// forgetRun deletes what was to run once, and is over.
func (s *supervisor) forgetRun() {
	s.mu.Lock()
	over := !s.over.IsZero()
	s.mu.Unlock()
	if !over {
		return
	}
	if _, err := s.m.Delete(s.name); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNotFound) {
		s.m.options.Logger.Warn("an ended run is still listed", "process", s.name, "error", err)
	}
}
