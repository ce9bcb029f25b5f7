package manager

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gafferd/gaffer/process"
)

// Load adds many templates by priority: the lowest first, those without one
// last, else in the order given. All are added or none: one mistake, or one name
// that is taken, refuses all of them, and every mistake is told.
//
// They are there when Load returns, and start in batches of equal priority, the
// next when every instance of the one before has been launched or could not be;
// nobody waits for readiness. A template that is told something meanwhile does
// not wait for its batch. The operation is over when the last batch is.
func (m *Manager) Load(ts []Template) (*Operation, error) {
	ts = byPriority(ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkAll(ts, m.free); err != nil {
		return nil, err
	}
	o := newOperation(1)
	m.addAll(ts, o)
	return o, nil
}

// addAll adds templates of the file, which are checked and in the order of their
// priorities, and finishes o when the last batch has started. m.mu must be held.
func (m *Manager) addAll(ts []Template, o *Operation) {
	var held []*supervisor
	for _, t := range ts {
		if s := m.add(t, fromFile); t.Start {
			held = append(held, s)
		}
	}
	batches := inBatches(held)
	m.work.Go(func() { o.finish(m.startBatches(batches)) })
}

// inBatches has those of equal priority together. All are in the order of their
// priorities, or in the reverse.
func inBatches(all []*supervisor) (batches [][]*supervisor) {
	for i, s := range all {
		if i == 0 || comparePriorities(all[i-1].priority(), s.priority()) != 0 {
			batches = append(batches, nil)
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], s)
	}
	return batches
}

// checkAll returns all that is wrong with templates of the file; free returns why
// one may not have its name. m.mu must be held.
func (m *Manager) checkAll(ts []Template, free func(name string) error) error {
	if m.closed {
		return ErrClosed
	}
	var errs []error
	names := make(map[string]bool, len(ts))
	for i := range ts {
		t := &ts[i]
		err := errors.Join(m.check(t), free(t.Name))
		if names[t.Name] {
			err = errors.Join(err, &process.PropertyError{Property: "name", Problem: "is there twice"})
		}
		names[t.Name] = true
		if err != nil {
			errs = append(errs, &TemplateError{t.Name, err})
		}
	}
	return errors.Join(errs...)
}

// startBatches starts one batch after the other, until Shutdown begins. It
// returns why some could not be started.
func (m *Manager) startBatches(batches [][]*supervisor) error {
	var errs []error
	for _, batch := range batches {
		o := newOperation(len(batch))
		for _, s := range batch {
			s.release(o)
		}
		if err := o.Wait(m.closing); err != nil {
			errs = append(errs, err)
		}
		if m.closing.Err() != nil {
			return ErrClosed
		}
	}
	return errors.Join(errs...)
}

// byPriority are templates in the order in which they are created.
func byPriority(ts []Template) []Template {
	return slices.SortedStableFunc(slices.Values(ts), func(a, b Template) int { return comparePriorities(a.Priority, b.Priority) })
}

// comparePriorities orders no priority after every other.
func comparePriorities(a, b *int) int {
	switch {
	case a != nil && b != nil:
		return cmp.Compare(*a, *b)
	case a != nil:
		return -1
	case b != nil:
		return 1
	default:
		return 0
	}
}
