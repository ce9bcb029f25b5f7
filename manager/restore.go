package manager

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
)

// Restore creates the templates that were made over the API in an earlier life
// of the daemon, as they were wanted when it ended, in their order. One whose
// name is taken meanwhile (by a file, say) is left out and returned. It is to be
// called once, also if there is nothing to restore: from then on templates are
// saved. Without a state directory it does nothing.
func (m *Manager) Restore() (taken []string, err error) {
	defer func() {
		if err == nil {
			m.record(vault.Change{Key: "loaded", Value: []byte("true")}) // the rest is as complete by now
		}
	}()
	if m.options.State == nil {
		return nil, nil
	}
	for _, saved := range m.options.State.saved.Processes {
		t, err := saved.template()
		if err != nil {
			return taken, fmt.Errorf("state directory: %s: %w", templatesFile, err)
		}
		if !m.restore(t, saved) {
			taken = append(taken, t.Name)
		}
	}
	m.mu.Lock()
	m.options.State.exits.Exits = nil // what is left is of processes that are gone
	m.forgetLostRuns()
	m.mu.Unlock()
	m.saver.begin()
	return taken, nil
}

func (saved *savedTemplate) template() (Template, error) {
	var description map[string]any
	if err := json.Unmarshal(saved.Description, &description); err != nil {
		return Template{}, err
	}
	t, err := ParseTemplate(description)
	if err != nil {
		return t, fmt.Errorf("process %q: %w", description["name"], err)
	}
	return t, nil
}

func (m *Manager) restore(t Template, saved savedTemplate) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.free(t.Name) != nil {
		return false
	}
	if saved.Run {
		s := m.add(t, fromRun)
		s.cutOff(saved, time.Now())
		s.expire(saved.Ended)
		return true
	}
	s := m.add(t, fromAPI)
	if saved.Active {
		s.command(newOperation(1), (*supervisor).start)
	}
	return true
}

// adopt gives a template the exits that a process of its name had in an earlier
// life of the daemon.
func (m *Manager) adopt(s *supervisor) {
	if m.options.State == nil {
		return
	}
	for _, e := range m.options.State.exits.Exits[s.name] {
		s.remember(s.endedInstance(e))
	}
	delete(m.options.State.exits.Exits, s.name)
}

// endedInstance is one that ended in an earlier life of the daemon, with what is kept of
// its output.
func (s *supervisor) endedInstance(e exitEntry) *instance {
	inst := &instance{pid: e.PID, index: e.Index, owner: s, exit: e.listed()}
	if file := s.archiveOf(e.PID); file != nil {
		inst.spec, inst.logs = recalled(file, s.name)
	} else {
		inst.spec, inst.logs = e.withoutFile(s.name)
	}
	return inst
}

// remember adds the exit of an instance that ended in an earlier life of the daemon.
func (s *supervisor) remember(inst *instance) {
	s.mu.Lock()
	s.list(inst)
	s.mu.Unlock()
	s.m.pids.add(inst)
}

// cutOff gives what was run once, in the daemon's last life, the exit that this
// one did not live to see. s.m.mu must be held.
func (s *supervisor) cutOff(was savedTemplate, now time.Time) {
	seen := slices.ContainsFunc(s.exits, func(inst *instance) bool { return inst.pid == was.PID })
	if seen || was.PID == 0 {
		return
	}
	e := savedExit{
		PID: was.PID, Index: 1, OSPid: was.OSPid, StartedAt: was.Started, EndedAt: now,
		ExitStatus: lostStatus, Reason: lost,
	}
	inst := s.endedInstance(exitEntry{savedExit: e})
	inst.exit.Stderr = inst.lastWords()
	s.remember(inst)
	s.publishExit(inst)
}
