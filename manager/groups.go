package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// groupOf is the part of a name before the first ':'. A name without one is a
// group of its own.
func groupOf(name string) string {
	group, _, _ := strings.Cut(name, ":")
	return group
}

// Groups are the groups of all templates, in the order in which each got its
// first one.
func (m *Manager) Groups() []string {
	groups, seen := []string{}, map[string]bool{}
	for _, s := range m.all() {
		if g := groupOf(s.name); !seen[g] {
			seen[g] = true
			groups = append(groups, g)
		}
	}
	return groups
}

// Group is the names of the templates of a group, in creation order.
// ErrNotFound if there is none.
func (m *Manager) Group(g string) ([]string, error) {
	members, err := m.group(g)
	names := make([]string, len(members))
	for i, s := range members {
		names[i] = s.name
	}
	return names, err
}

func (m *Manager) group(g string) ([]*supervisor, error) {
	members := slices.DeleteFunc(m.all(), func(s *supervisor) bool { return groupOf(s.name) != g })
	if len(members) == 0 {
		return nil, fmt.Errorf("group %q %w", g, ErrNotFound)
	}
	return members, nil
}

// The operations on a group are taken by its templates in creation order, one
// after the other. They are over when they are for every template. Only those of it
// count whose names only is true of; nil is all.

// StartGroup is Start for every template of the group.
func (m *Manager) StartGroup(g string, only func(name string) bool) (*Operation, error) {
	return m.commandGroup(g, only, func(s *supervisor, o *Operation) error { return s.command(o, (*supervisor).start) })
}

// StopGroup is Stop for every template of the group.
func (m *Manager) StopGroup(g string, only func(name string) bool) (*Operation, error) {
	return m.commandGroup(g, only, func(s *supervisor, o *Operation) error { return s.command(o, (*supervisor).stop) })
}

// RestartGroup is Restart for every template of the group.
func (m *Manager) RestartGroup(g string, only func(name string) bool) (*Operation, error) {
	return m.commandGroup(g, only, func(s *supervisor, o *Operation) error { return s.command(o, (*supervisor).restart) })
}

// DeleteGroup is Delete for every template of the group.
func (m *Manager) DeleteGroup(g string, only func(name string) bool) (*Operation, error) {
	return m.commandGroup(g, only, func(s *supervisor, o *Operation) error { return m.delete(s.name, o) })
}

// commandGroup lets every member of a group take a command. One that has been
// deleted meanwhile is passed over.
func (m *Manager) commandGroup(g string, only func(name string) bool, command func(*supervisor, *Operation) error) (*Operation, error) {
	members, err := m.group(g)
	if err != nil {
		return nil, err
	}
	if only != nil {
		members = slices.DeleteFunc(members, func(s *supervisor) bool { return !only(s.name) })
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("group %q %w", g, ErrNotFound)
	}
	if m.closing.Err() != nil {
		return nil, ErrClosed
	}
	o := newOperation(len(members))
	for _, s := range members {
		switch err := command(s, o); {
		case errors.Is(err, ErrClosed):
			o.finish(err)
		case err != nil:
			o.finish(nil)
		}
	}
	return o, nil
}
