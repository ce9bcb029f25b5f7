package manager

import (
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/gafferd/gaffer/manager/vault"
	"github.com/gafferd/gaffer/process"
)

// goOnFrom has events recorded from now on, and goes on where the Manager has ended
// that wrote to the vault before. The rest of what that one knew is Resume's.
func (m *Manager) goOnFrom(v *vault.Vault) {
	m.events.prefix, m.events.keep = eventPrefix, m.record
	m.audits.prefix, m.audits.keep = auditPrefix, m.record
	old, err := readRecords(v.Records())
	if err != nil || old.before == nil {
		m.record(
			vault.Change{Key: "before", Value: encode(beforeRecord{m.earlier.number, m.earlier.pid})},
			vault.Change{Key: "run", Value: []byte(m.markers)},
		)
		return
	}
	m.markers = old.markers
	m.earlier = earlierLives{old.before.Number, old.before.PID}
	m.pids.last = max(m.pids.last, old.pid)
	m.events.restore(old.events)
	m.audits.restore(old.audits)
	for id, s := range old.supervisors {
		m.lastID.Store(max(m.lastID.Load(), int64(id)))
		for _, sl := range s.slots {
			m.pids.last = max(m.pids.last, sl.PID)
		}
		for pid := range s.exits {
			m.pids.last = max(m.pids.last, pid)
		}
		m.pids.last = max(m.pids.last, s.pid)
	}
}

// marker is what the descendants of an instance are recognised by; "" if any will do
// that nobody else has.
func (m *Manager) marker(pid int) string {
	if m.markers == "" {
		return ""
	}
	return m.markers + "-" + strconv.Itoa(pid)
}

// Resume takes over what an earlier program has left in the Vault: templates,
// instances that go on running, exits, and what was under way: a restart that
// is pending, a stop, a retry after flapping. It comes before any template is
// added. why says what became of the earlier program, in an event of type worker.
//
// If the earlier program had ended its Restore, Resume takes the place of that and
// of Load, and complete is true. If not, Apply and Restore are to add the rest.
// The error says what this program cannot read of it: then the Manager is of no use.
func (m *Manager) Resume(why string) (complete bool, err error) {
	old, err := readRecords(m.options.Vault.Records())
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*supervisor
	var later []func()
	for _, id := range slices.Sorted(maps.Keys(old.supervisors)) {
		saved := old.supervisors[id]
		if len(saved.Description) == 0 {
			continue // its end was being recorded
		}
		s, takeOvers, err := m.resume(id, saved)
		if err != nil {
			return false, err
		}
		all = append(all, s)
		later = append(later, takeOvers...)
	}
	if keeper, ok := m.options.Launcher.(process.Keeper); ok {
		if n := keeper.LetGoRest(); n > 0 { // all is recorded of them but that they are forgotten
			m.options.Logger.Debug("let go", "programs", n)
		}
	}
	if m.options.State != nil && old.loaded {
		m.options.State.exits.Exits = nil // they are in the vault
		if !old.closing {
			m.saver.begin()
		}
	}
	m.goOn(all, later)
	if m.options.State != nil {
		m.options.State.logs.Settled()
	}
	m.events.publish(Event{Type: EventWorker, OSPid: os.Getpid(), Reason: why})
	return old.loaded, nil
}

// HoldBack comes before the readers of a program are sent away that is about to be
// replaced: those with Backpressure wait until they are with the next one.
func (m *Manager) HoldBack() {
	for _, s := range m.everyone() {
		for _, sighted := range s.sighted() {
			sighted.proc.HoldBack()
		}
	}
}

// goOn lets resumed templates live, and then has done what takes its time. m.mu must be
// held.
func (m *Manager) goOn(all []*supervisor, later []func()) {
	var held []*supervisor
	for _, s := range all {
		s.mu.Lock()
		for _, sl := range s.slots.all {
			if sl.instance != nil {
				s.watch(sl, sl.instance)
			}
		}
		s.plan()
		if n := len(s.exits); n > 0 && s.overForGood() {
			m.endEssential(s.name, s.exits[n-1].exit.Exit)
		}
		if s.held {
			held = append(held, s)
		}
		s.unlock()
		m.live(s)
	}
	for _, takeOver := range later {
		m.work.Go(takeOver)
	}
	slices.SortStableFunc(held, func(a, b *supervisor) int { return comparePriorities(a.priority(), b.priority()) })
	batches := inBatches(held)
	m.work.Go(func() { _ = m.startBatches(batches) })
}

// resume makes one supervisor as it was. What is to be done later is for goOn. m.mu must
// be held.
func (m *Manager) resume(id int, saved *supervisorState) (s *supervisor, later []func(), err error) {
	t, err := parseDescription(saved.Description)
	if err != nil {
		return nil, nil, err
	}
	s = newSupervisor(m, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = newJournal(id)
	s.journal.described, s.journal.pid = true, saved.pid
	s.source = saved.Source
	if len(saved.filed) > 0 {
		if s.filed, err = parseDescription(saved.filed); err != nil {
			return nil, nil, err
		}
	}
	w := saved.wanted
	s.generation, s.active, s.held, s.forgotten, s.cause, s.trouble = w.Generation, w.Active, w.Held, w.Forgotten, w.Cause, w.Trouble
	s.flaps = flaps{exits: w.Flaps, retries: w.FlapTries, gaveUp: w.GaveUp}
	if w.Suspended && t.Flapping != nil {
		s.flaps.retryAt = notAfter(w.RetryAt, t.Flapping.RetryIn)
	}
	if s.forgotten {
		s.leaving = notFound(s.name)
		m.leaving[s.name] = append(m.leaving[s.name], s)
	} else {
		m.byName[s.name] = s
		m.order = append(m.order, s)
	}
	s.resumeExits(saved)
	for _, index := range slices.Sorted(maps.Keys(saved.slots)) {
		s.slots.grow(index)
		takeOver, err := s.resumeSlot(s.slots.all[index-1], saved.slots[index], saved)
		if err != nil {
			return nil, nil, err
		}
		if takeOver != nil {
			later = append(later, takeOver)
		}
	}
	if !w.Over.IsZero() {
		s.forgetAfter(w.Over)
	}
	return s, later, nil
}
