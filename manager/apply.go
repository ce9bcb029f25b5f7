package manager

// Apply makes the templates that were loaded from the file follow it as it is
// now: what Plan says, in one step. It is Load for a file that was loaded before.
//
//   - Those that the file has lost are deleted, and those that it has gained are
//     added and started as Load does.
//   - Those of which the file says something else than before are updated as by
//     Update: instances are replaced only if more than numprocesses is different.
//     Stopped ones stay stopped, unless the file has come to say that they start.
//   - All others are left alone: those that the file describes as before, however
//     they were stopped, scaled or updated meanwhile, and those made over the API.
//
// One mistake refuses everything, and every mistake is told: ErrInvalid or
// ErrBadValue for a description, and ErrExists for a name that a process made
// over the API has. The operation is over when all is done.
func (m *Manager) Apply(ts []Template) (Plan, *Operation, error) {
	plan, o, orders, err := m.apply(byPriority(ts))
	giveOut(orders)
	return plan, o, err
}

func (m *Manager) apply(ts []Template) (Plan, *Operation, []stopOrder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkAll(ts, m.freeForFile); err != nil {
		return Plan{}, nil, nil, err
	}
	todo := m.compare(ts)
	o := newOperation(1 + len(todo.changed) + len(todo.removed))
	var orders []stopOrder
	begun := func(more []stopOrder, err error) {
		orders = append(orders, more...)
		if err != nil {
			o.finish(nil) // it is leaving for good, with the Manager
		}
	}
	for _, s := range todo.removed {
		begun(m.remove(s, o))
	}
	for _, st := range todo.changed {
		begun(st.take(o))
	}
	m.addAll(todo.added, o)
	return todo.plan(), o, orders, nil
}

// take brings the change about, as a part of o. m.mu must be held.
func (st *step) take(o *Operation) ([]stopOrder, error) {
	st.of.file(&st.filed)
	if !st.needed() {
		o.finish(nil)
		return nil, nil
	}
	return st.of.apply(o, func(s *supervisor) {
		if st.scaled {
			st.next.NumProcesses = s.template.NumProcesses // again: it may have been scaled just now
		}
		s.update(st.next)
		if st.change.Starts {
			s.start()
		}
	})
}
