package manager

import (
	"slices"
	"strconv"

	"github.com/gafferd/gaffer/manager/vault"
)

// journal gathers what has changed of one supervisor since it was last recorded. Where
// nothing is recorded it is nil, and gathers nothing. The supervisor's mutex guards it.
type journal struct {
	prefix    string         // of the keys of its records; never changed
	described bool           // the description is recorded as it is
	wanted    wantedRecord   // as recorded
	pid       int            // as recorded
	slots     map[*slot]bool // those that have changed
	changes   []vault.Change // the rest
}

// newJournal is that of the supervisor with that number, of which nothing is recorded.
func newJournal(id int) *journal {
	return &journal{prefix: "s" + strconv.Itoa(id), slots: make(map[*slot]bool)}
}

// note has a record set, or removed if it has no value, with the next batch.
func (j *journal) note(key string, value []byte) {
	if j != nil {
		j.changes = append(j.changes, vault.Change{Key: j.prefix + key, Value: value})
	}
}

// describe has the description recorded with the next batch.
func (j *journal) describe() {
	if j != nil {
		j.described = false
	}
}

// touch has a slot recorded with the next batch.
func (j *journal) touch(sl *slot) {
	if j != nil {
		j.slots[sl] = true
	}
}

// drop has the record of a slot removed that there is no more.
func (j *journal) drop(sl *slot) {
	if j != nil {
		delete(j.slots, sl)
		j.note(slotKey(sl.index), nil)
	}
}

// notePID has the highest pid recorded that no other record tells of.
func (j *journal) notePID(pid int) {
	if j != nil && pid > j.pid {
		j.pid = pid
		j.note(pidKey, strconv.AppendInt(nil, int64(pid), 10))
	}
}

// take is the next batch, but for the changes that only the supervisor knows.
func (j *journal) take() []vault.Change {
	batch := j.changes
	j.changes = nil
	return batch
}

// commit records what has changed. It comes before anyone hears of it. s.mu must
// be held.
func (s *supervisor) commit() { s.m.record(s.changes()...) }

// changes are what is to be recorded. s.mu must be held.
func (s *supervisor) changes() []vault.Change {
	j := s.journal
	if j == nil {
		return nil
	}
	if !j.described {
		j.described = true
		j.note(describedKey, encode(supervisorRecord{s.source, s.description()}))
	}
	if w := s.wanted(); w.wantedState != j.wanted.wantedState || !slices.Equal(w.Flaps, j.wanted.Flaps) {
		w.Flaps = slices.Clone(w.Flaps)
		j.wanted = w
		j.note(wantedKey, encode(w))
	}
	for sl := range j.slots {
		record := sl.record()
		if record == nil {
			s.notePID(sl.pid)
		}
		j.note(slotKey(sl.index), record)
	}
	clear(j.slots)
	return j.take()
}

func (s *supervisor) wanted() wantedRecord {
	return wantedRecord{wantedState{
		Generation: s.generation, Active: s.active, Held: s.held, Suspended: s.flaps.suspended(),
		Forgotten: s.forgotten, Cause: s.cause, FlapTries: s.flaps.retries,
		RetryAt: s.flaps.retryAt, GaveUp: s.flaps.gaveUp, Trouble: s.trouble, Over: s.over,
	}, s.flaps.exits}
}

// record is nil for a slot of which there is nothing to tell.
func (sl *slot) record() []byte {
	if sl.state == off && sl.restarts == 0 && !sl.failed {
		return nil
	}
	r := slotRecord{
		State: sl.state, PID: sl.pid, Restarts: sl.restarts, Failed: sl.failed, Refused: sl.refused, RetryAt: sl.retryAt,
	}
	if inst := sl.instance; inst != nil {
		r.Generation, r.StartedAt = inst.generation, inst.proc.StartedAt()
		r.Stop, r.KillAt = sl.stop, sl.killAt
	} else if sl.state == starting {
		r.Generation, r.StartedAt = sl.starting.generation, sl.starting.at
	}
	return r.encode()
}

// noteExit notes the exit of an instance. s.mu must be held.
func (s *supervisor) noteExit(inst *instance) {
	if s.journal != nil { // to encode it takes a moment
		s.journal.note(exitKey(inst.pid), (&exitRecord{inst.savedExit(), inst.exit.NextRetryAt}).encode())
	}
}

// noteForgotten notes that nothing of an instance is kept. s.mu must be held.
func (s *supervisor) noteForgotten(inst *instance) {
	s.journal.note(exitKey(inst.pid), nil)
	s.journal.note(madeKey(inst.pid), nil)
	s.notePID(inst.pid)
}

// notePID comes when a record is removed that told of a pid, so that it is not given
// again: unless one of it or of a later pid remains, for which it is called in its turn.
// s.mu must be held.
func (s *supervisor) notePID(pid int) {
	if n := len(s.exits); n == 0 || s.exits[n-1].pid < pid {
		s.journal.notePID(pid)
	}
}

// file records what the file says, at once. m.mu must be held.
func (s *supervisor) file(t *Template) {
	s.filed = *t
	if j := s.journal; j != nil {
		s.m.record(vault.Change{Key: j.prefix + filedKey, Value: encode(t.description())})
	}
}

// erase removes all records of a supervisor that is gone.
func (s *supervisor) erase() {
	j := s.journal
	if j == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []string{describedKey, filedKey, wantedKey, pidKey} {
		j.note(key, nil)
	}
	for _, sl := range s.slots.all {
		j.drop(sl)
	}
	s.m.record(append(j.take(), vault.Change{Key: "pid", Value: encode(s.m.pids.lastPID())})...)
}

// record writes changes to the vault, if there is one.
func (m *Manager) record(changes ...vault.Change) {
	if m.options.Vault == nil || len(changes) == 0 {
		return
	}
	err := m.options.Vault.Write(changes...)
	switch broken := err != nil; {
	case m.vaultBroken.Load() == broken || m.vaultBroken.Swap(broken) == broken: // it was told
	case broken:
		m.options.Logger.Error("what happens from now on is lost if gafferd crashes", "error", err)
	default:
		m.options.Logger.Info("what happens, and what has happened, is recorded again")
	}
}
