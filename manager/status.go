package manager

import "time"

// Status is what a template wants and has at one moment.
type Status struct {
	Active       bool // it has instances, or will: told to run, and neither done nor flapping
	Running      int  // instances, those that are stopping not counted
	NumProcesses int  // how many there should be
	State        string
	NextRetryAt  time.Time // zero if no retry is pending
	LastError    string    // why the last start failed; "" since one succeeded
	Once         bool      // it was made by Run
}

// The values of Status.State.
const (
	StateStopped  = "stopped"  // told so, or done as the restart policy has it
	StateStarting = "starting" // nothing runs yet
	StateRunning  = "running"  // at least one instance runs, or none is wanted
	StateStopping = "stopping" // the last instances are on their way out
	StateBackoff  = "backoff"  // nothing runs before NextRetryAt
	StateFlapping = "flapping" // the same, since the instances ended too often
	StateFailed   = "failed"   // it ended badly and nothing more will happen
)

// Status is the state of the process.
func (m *Manager) Status(name string) (Status, error) {
	s, err := m.find(name)
	if err != nil {
		return Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status(), nil
}

// status is Status. s.mu must be held.
func (s *supervisor) status() Status {
	st := Status{
		Active:       s.active && !s.flaps.suspended() && !s.slots.done(),
		Running:      s.slots.counts[running],
		NumProcesses: s.template.NumProcesses,
		State:        s.summary(),
		NextRetryAt:  s.slots.retries.next(),
		LastError:    s.trouble,
		Once:         s.source == fromRun,
	}
	if s.flaps.suspended() {
		st.NextRetryAt = s.flaps.retryAt
	}
	return st
}

// summary is Status.State. s.mu must be held.
func (s *supervisor) summary() string {
	switch {
	case s.flaps.suspended():
		return StateFlapping
	case s.slots.done():
		for _, sl := range s.slots.all {
			if sl.failed {
				return StateFailed
			}
		}
		return StateStopped
	case !s.active && s.slots.alive() > 0:
		return StateStopping
	case s.flaps.gaveUp:
		return StateFailed
	case !s.active:
		return StateStopped
	case s.slots.counts[running] > 0:
		return StateRunning
	case s.held, s.blocked, s.slots.counts[due]+s.slots.counts[starting] > 0:
		return StateStarting
	case s.slots.counts[stopping] > 0:
		return StateStopping
	case s.slots.counts[waiting] > 0:
		return StateBackoff
	default:
		return StateRunning // of the none that are wanted
	}
}
