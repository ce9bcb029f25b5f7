package manager

import (
	"slices"
	"sync"
)

// Snapshot is a template with its state and its instances, all as they were at one
// moment. There is one for as long as nothing of that changes, and all who ask get
// that one: nothing in it may be changed.
type Snapshot struct {
	Template Template
	Status   Status
	PIDs     []int // of the instances, in order

	bySlot []int // the same
	memos  sync.Map
}

// Memo is what find returned when it was first asked for under that key: it is kept
// for as long as the Snapshot is. Two who ask at once may both have it found.
func (p *Snapshot) Memo(key any, find func() any) any {
	memo, ok := p.memos.Load(key)
	if !ok {
		memo, _ = p.memos.LoadOrStore(key, find())
	}
	return memo
}

// Snapshots are all templates in creation order.
func (m *Manager) Snapshots() []*Snapshot {
	all := m.all()
	taken := make([]*Snapshot, len(all))
	for i, s := range all {
		taken[i] = s.snapshot()
	}
	return taken
}

// snapshot is the last one that was taken, if it shows what there is now. That is
// compared rather than noted with each change: it costs little, and no change is
// forgotten.
func (s *supervisor) snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status()
	if last := s.shown; last != nil && last.Status == status && s.runs(last.bySlot) {
		return last
	}
	p := &Snapshot{Template: s.template.clone(), Status: status, PIDs: []int{}}
	for _, sl := range s.slots.all {
		if sl.instance != nil {
			p.bySlot = append(p.bySlot, sl.instance.pid)
		}
	}
	p.PIDs = append(p.PIDs, p.bySlot...)
	slices.Sort(p.PIDs)
	s.shown = p
	return p
}

// runs reports whether these are the instances, by slot. s.mu must be held.
func (s *supervisor) runs(pids []int) bool {
	for _, sl := range s.slots.all {
		if sl.instance == nil {
			continue
		}
		if len(pids) == 0 || pids[0] != sl.instance.pid {
			return false
		}
		pids = pids[1:]
	}
	return len(pids) == 0
}

// described notes that the template has changed. s.mu must be held.
func (s *supervisor) described() {
	s.encoded.description, s.shown = nil, nil
	s.journal.describe()
}
