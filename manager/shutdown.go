package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
)

// lastWait is how long Shutdown waits for instances that were killed. Only one
// that the kernel cannot end takes longer.
const lastWait = 5 * time.Second

// Shutdown stops everything gracefully and waits until nothing is left: no
// instance (but the detached), no goroutine. Templates stop in the reverse order
// of their loading, those of one priority together; after the last event, apps.
// When ctx ends first, all that is left is killed.
//
// From its beginning on, operations return ErrClosed; what was stays readable,
// and event cursors get io.EOF after the last event. Calling it again waits for
// the same end. The error names what would not go: os pids, instances that are still
// being started, or the disk of the state directory.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.mu.Lock()
	first := !m.closed
	m.closed = true
	m.mu.Unlock()
	if first {
		m.saver.freeze()
		m.record(vault.Change{Key: "closing", Value: []byte("true")})
		m.begin()
		go m.stopAll() // outlives this call if an instance cannot be killed
	}
	select {
	case <-m.stopped:
		return nil
	case <-ctx.Done():
		m.hurryUp()
	}
	last := time.After(lastWait)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		// Again each time: a launch that was under way may have ended.
		for _, s := range m.everyone() {
			s.end()
			s.kill("shut down")
		}
		select {
		case <-m.stopped:
			return nil
		case <-time.After(pause):
		case <-last:
			return m.stuck()
		}
	}
}

// Closing reports whether Shutdown has begun.
func (m *Manager) Closing() bool { return m.closing.Err() != nil }

// stopAll stops one batch after the other, and closes m.stopped when all that
// New and the operations have started is gone.
func (m *Manager) stopAll() {
	all := m.everyone()
	slices.SortStableFunc(all, func(a, b *supervisor) int { return comparePriorities(b.priority(), a.priority()) })
	for _, batch := range inBatches(all) {
		for _, s := range batch {
			s.end()
		}
		for _, s := range batch {
			<-s.gone
		}
	}
	m.work.Wait()
	m.saver.finish()
	m.events.close()
	m.audits.close()
	m.stopApps()
	close(m.stopped)
}

// everyone are all templates that may have instances, those deleted too.
func (m *Manager) everyone() []*supervisor {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := slices.Clone(m.order)
	for _, leaving := range m.leaving {
		all = append(all, leaving...)
	}
	return all
}

// stuck names what could not be ended.
func (m *Manager) stuck() error {
	if m.saver.hangs() {
		return errors.New("shutdown is not complete: all processes have ended, but the disk of the state directory does not answer")
	}
	errs := []error{errors.New("shutdown is not complete: kill these by hand")}
	for _, s := range m.everyone() {
		for _, inst := range byPID(s.sighted()) {
			errs = append(errs, fmt.Errorf("pid %d of %s, os pids %v", inst.PID, inst.Name, inst.Remaining))
		}
		for _, pid := range s.beingStarted() {
			errs = append(errs, fmt.Errorf("pid %d of %s is still being started: does the disk with its program answer?", pid, s.name))
		}
	}
	return errors.Join(errs...)
}

// beingStarted are the pids of instances that are being launched.
func (s *supervisor) beingStarted() (pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots.all {
		if sl.state == starting {
			pids = append(pids, sl.pid)
		}
	}
	return pids
}

// end stops the template for good. Doing so again does nothing.
func (s *supervisor) end() {
	o := newOperation(1)
	s.command(o, func(s *supervisor) { s.leave(ErrClosed, "shut down") }) // an error: it is leaving
}

// priority is nil for a template without one.
func (s *supervisor) priority() *int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.template.Priority
}
