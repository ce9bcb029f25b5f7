package manager

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Plan is what it takes to get from what the file said to what it says now.
type Plan struct {
	Added   []string // in the order in which they are created
	Changed []Change // in creation order
	Removed []string // in creation order
}

// Change is what becomes different about a process that stays.
type Change struct {
	Name       string
	Properties []Difference // in the order of the docs
	Restarts   bool         // its instances are replaced
	Starts     bool         // it is stopped, and is started
}

// Difference is a property before and after. A variable of the environment is
// env.NAME, and has no values: they may be secrets, and plans are printed.
type Difference struct {
	Property string
	From, To any // as in Template.Properties; nil when it was not or will not be set
}

// Plan compares the templates of the file, as it is now, with those that were
// loaded from it, and returns what Apply would do. It changes nothing.
//
// The errors are those of Apply.
func (m *Manager) Plan(ts []Template) (Plan, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.checkAll(ts, m.freeForFile); err != nil {
		return Plan{}, err
	}
	todo := m.compare(byPriority(ts))
	return todo.plan(), nil
}

// steps are a plan with those whom it is about.
type steps struct {
	added   []Template
	changed []step
	removed []*supervisor
}

type step struct {
	of     *supervisor
	filed  Template // what the file says now
	next   Template // what it is to be
	scaled bool     // its number of instances is not the file's to say
	change Change
}

// compare finds what has to be done for the file to be followed. A process that
// the file describes as before is left alone, whatever users have made of it
// meanwhile. m.mu must be held.
func (m *Manager) compare(ts []Template) steps {
	var todo steps
	filed := make(map[string]*Template, len(ts))
	for i, t := range ts {
		filed[t.Name] = &ts[i]
		if m.byName[t.Name] == nil {
			todo.added = append(todo.added, t)
		}
	}
	for _, s := range m.order {
		switch t := filed[s.name]; {
		case s.source != fromFile:
		case t == nil:
			todo.removed = append(todo.removed, s)
		case len(differences(&s.filed, t)) > 0:
			todo.changed = append(todo.changed, s.stepTo(t))
		}
	}
	return todo
}

// stepTo is what it takes to follow the file, which says t now. The number of
// instances may have been scaled, and stays so unless the file has another than
// before. m.mu must be held.
func (s *supervisor) stepTo(t *Template) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := t.clone()
	scaled := t.NumProcesses == s.filed.NumProcesses
	if scaled {
		next.NumProcesses = s.template.NumProcesses
	}
	return step{s, t.clone(), next, scaled, Change{
		Name:       s.name,
		Properties: differences(&s.template, &next),
		Restarts:   s.active && !s.template.sameProgram(&next),
		Starts:     !s.active && t.Start && !s.filed.Start,
	}}
}

// needed reports whether anything is to be done: the file may only have come to
// say what somebody has already done over the API.
func (st *step) needed() bool { return len(st.change.Properties) > 0 || st.change.Starts }

func (todo *steps) plan() Plan {
	var p Plan
	for _, t := range todo.added {
		p.Added = append(p.Added, t.Name)
	}
	for _, st := range todo.changed {
		if st.needed() {
			p.Changed = append(p.Changed, st.change)
		}
	}
	for _, s := range todo.removed {
		p.Removed = append(p.Removed, s.name)
	}
	return p
}

// freeForFile returns why the file may not have a process of that name. m.mu must
// be held.
func (m *Manager) freeForFile(name string) error {
	if s := m.byName[name]; s != nil && s.source != fromFile {
		return fmt.Errorf("%w, made over the API: delete that one, or give this one another name", ErrExists)
	}
	return nil
}

// differences are the properties in which two templates differ.
func differences(from, to *Template) []Difference {
	var found []Difference
	for _, p := range properties {
		before, after := p.get(from), p.get(to)
		switch {
		case reflect.DeepEqual(before, after):
		case p.name == "env":
			found = append(found, differentVariables(from.Env, to.Env)...)
		default:
			found = append(found, Difference{p.name, before, after})
		}
	}
	return found
}

func differentVariables(from, to map[string]string) []Difference {
	names := maps.Clone(from)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, to)
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, was := from[name]
		after, is := to[name]
		if was != is || before != after {
			found = append(found, Difference{Property: "env." + name})
		}
	}
	return found
}
