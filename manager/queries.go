package manager

import (
	"fmt"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// Names are the names of all templates in creation order, which for those that
// were loaded is by priority.
func (m *Manager) Names() []string {
	all := m.all()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Template is the description of a process, with as many NumProcesses as it has
// been scaled to. It is the caller's own.
func (m *Manager) Template(name string) (Template, error) {
	s, err := m.find(name)
	if err != nil {
		return Template{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.template.clone(), nil
}

// Instances are all that run, by pid.
func (m *Manager) Instances() []Instance {
	var seen []sighting
	for _, s := range m.all() {
		seen = append(seen, s.sighted()...)
	}
	return byPID(seen)
}

// InstancesOf are the instances of one template, by pid.
func (m *Manager) InstancesOf(name string) ([]Instance, error) {
	s, err := m.find(name)
	if err != nil {
		return nil, err
	}
	return byPID(s.sighted()), nil
}

// Instance is the running instance of that pid.
func (m *Manager) Instance(pid int) (Instance, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return Instance{}, err
	}
	s := inst.owner
	s.mu.Lock()
	seen := sighting{instance: inst, stopping: inst.exit == nil && s.slots.all[inst.index-1].state == stopping}
	ended := inst.exit != nil
	s.mu.Unlock()
	if ended {
		return Instance{}, notFoundPID(pid)
	}
	return seen.shown(), nil
}

// running is the instance of that pid if it has not ended.
func (m *Manager) running(pid int) (*instance, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return nil, err
	}
	inst.owner.mu.Lock()
	defer inst.owner.mu.Unlock()
	if inst.exit != nil {
		return nil, notFoundPID(pid)
	}
	return inst, nil
}

// NameOf is the template of an instance, also of one that has ended while its exit
// is listed.
func (m *Manager) NameOf(pid int) (string, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return "", err
	}
	return inst.owner.name, nil
}

// Log is the output of an instance under a label, also of one that has ended
// while its exit is listed. The error is ErrNotFound, process.ErrNoStream or
// process.ErrNotRedirected.
func (m *Manager) Log(pid int, label string) (*streams.Log, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return nil, err
	}
	if log := inst.logs[label]; log != nil {
		return log, nil
	}
	switch {
	case inst.proc != nil:
		return inst.proc.Log(label)
	case inst.neverRan():
		return nil, fmt.Errorf("pid %d could not be started: %w", pid, process.ErrNoStream)
	}
	if inst.spec != nil {
		if err := inst.spec.CheckLog(label); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s of pid %d is not kept any more: %w", label, pid, process.ErrNoStream)
}

// Labels are the labels of an instance whose Log there is, in the order of its
// description.
func (m *Manager) Labels(pid int) ([]string, error) {
	inst, err := m.pids.find(pid)
	if err != nil {
		return nil, err
	}
	if inst.proc == nil {
		return inst.labels(), nil
	}
	return inst.proc.Labels(), nil
}

// Expect is process.Process.Expect of an instance, if it has not ended.
func (m *Manager) Expect(pid int, labels ...string) {
	if inst, err := m.pids.find(pid); err == nil && inst.proc != nil {
		inst.proc.Expect(labels...)
	}
}

// Input is what can be written to an instance under a label, also of one that has ended
// while its exit is listed: nothing can be written any more then. The error is ErrNotFound,
// that of process.Process.Input, or process.ErrInputClosed for one that ended in an earlier
// program's time or could not be started.
func (m *Manager) Input(pid int, label string) (*process.Input, error) {
	inst, err := m.pids.find(pid)
	switch {
	case err != nil:
		return nil, err
	case inst.proc != nil:
		return inst.proc.Input(label)
	case inst.neverRan():
		return nil, fmt.Errorf("pid %d could not be started: %w", pid, process.ErrInputClosed)
	}
	if inst.spec != nil {
		if err := inst.spec.CheckInput(label); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("pid %d has ended: %w", pid, process.ErrInputClosed)
}
