package manager

import (
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/gafferd/gaffer/process"
)

// Start wants a template to run. It also ends every wait: for back-off, after
// flapping, and after an exit that the restart policy lets stand. The operation
// is over when every instance has been launched, or could not be.
func (m *Manager) Start(name string) (*Operation, error) {
	return m.command(name, (*supervisor).start)
}

// Stop wants a template not to run. The operation is over when nothing is left
// of its instances.
func (m *Manager) Stop(name string) (*Operation, error) {
	return m.command(name, (*supervisor).stop)
}

// Restart replaces the instances of a template, one after the other. A stopped
// one it starts.
func (m *Manager) Restart(name string) (*Operation, error) {
	return m.command(name, (*supervisor).restart)
}

// Update replaces the description of a template. If anything but numprocesses
// (and start, which is about creating) is another, its instances are replaced
// one after the other; a stopped template stays stopped. A slot whose new
// instance cannot be started stops the replacing, with the others as they were,
// until it can be or another operation comes.
func (m *Manager) Update(name string, t Template) (*Operation, error) {
	if t.Name == "" {
		t.Name = name
	}
	if t.Name != name {
		return nil, &process.PropertyError{
			Property: "name",
			Problem:  fmt.Sprintf("got %q, want %q: a process keeps its name", t.Name, name),
		}
	}
	if err := m.check(&t); err != nil {
		return nil, err
	}
	t = t.clone()
	return m.command(name, func(s *supervisor) { s.update(t) })
}

// Scale wants n instances. What there are too many of are stopped, the highest
// slots first. It returns n, or ErrBadValue.
func (m *Manager) Scale(name string, n int) (int, *Operation, error) {
	return m.scale(name, func(int) int { return n })
}

// Add wants n more instances, and returns how many that makes.
func (m *Manager) Add(name string, n int) (int, *Operation, error) {
	if n < 0 {
		return 0, nil, &rangeError{"numprocesses", fmt.Sprintf("cannot add %d, want 0 or more", n)}
	}
	return m.scale(name, func(now int) int { return int(min(uint(now)+uint(n), math.MaxInt)) })
}

// Sub wants n instances fewer, but not fewer than none, and returns how many
// that makes.
func (m *Manager) Sub(name string, n int) (int, *Operation, error) {
	if n < 0 {
		return 0, nil, &rangeError{"numprocesses", fmt.Sprintf("cannot take away %d, want 0 or more", n)}
	}
	return m.scale(name, func(now int) int { return max(now-n, 0) })
}

func (m *Manager) scale(name string, to func(now int) int) (int, *Operation, error) {
	s, err := m.open(name)
	if err != nil {
		return 0, nil, err
	}
	o := newOperation(1)
	n, err := s.scale(o, func(now int) (int, error) { return to(now), m.checkNumber(to(now)) })
	if err != nil {
		return 0, nil, err
	}
	return n, o, nil
}

// command lets the template of that name take a command.
func (m *Manager) command(name string, change func(*supervisor)) (*Operation, error) {
	s, err := m.open(name)
	if err != nil {
		return nil, err
	}
	o := newOperation(1)
	if err := s.command(o, change); err != nil {
		return nil, err
	}
	return o, nil
}

// StopPID stops one instance. The template keeps its number, so another one
// takes the slot, with a new pid. The operation is over when the instance is
// gone.
func (m *Manager) StopPID(pid int) (*Operation, error) {
	if m.closing.Err() != nil {
		return nil, ErrClosed
	}
	inst, err := m.pids.find(pid)
	if err != nil {
		return nil, err
	}
	return inst.owner.stopInstance(inst)
}

// Signal sends sig to every instance of a template. It returns
// process.ErrNotRunning when there is none.
func (m *Manager) Signal(name string, sig syscall.Signal) error {
	s, err := m.find(name)
	if err != nil {
		return err
	}
	sent := 0
	var errs []error
	for _, sighted := range s.sighted() {
		switch err := sighted.proc.Signal(sig); {
		case err == nil:
			sent++
		case !errors.Is(err, process.ErrNotRunning): // it may end at any time
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil || sent > 0 {
		return err
	}
	return fmt.Errorf("process %q has no instance to signal: %w", name, process.ErrNotRunning)
}

// SignalPID sends sig to one instance.
func (m *Manager) SignalPID(pid int, sig syscall.Signal) error {
	inst, err := m.running(pid)
	if err != nil {
		return err
	}
	return inst.proc.Signal(sig)
}
