package manager

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
)

// A Manager's records in its Vault, by key. They are what Resume makes the
// Manager of, so none of their fields may change its meaning.
//
//	before            beforeRecord
//	run               what markers begin with
//	loaded            there once Restore has ended
//	pid               the last one, once nothing else tells
//	e<number>         Event
//	a<number>         Event, of the audits
//	s<id>             supervisorRecord, of the supervisor with that number
//	s<id>.filed       the description that the file had when it was last read
//	s<id>.state       wantedRecord
//	s<id>.pid         the last one of it, when nothing else of it tells
//	s<id>.<index>     slotRecord
//	s<id>.x<pid>      exitRecord
//	s<id>.i<pid>      the description that an instance was made from

type beforeRecord struct {
	Number uint64 `json:"number"`
	PID    int    `json:"pid"`
}

// supervisorRecord changes with the description alone.
type supervisorRecord struct {
	Source      source          `json:"source"`
	Description json.RawMessage `json:"description"`
}

// wantedRecord is what is wanted of a template, and what has become of it.
type wantedRecord struct {
	wantedState
	Flaps []time.Time `json:"flaps,omitempty"`
}

// wantedState is what of a wantedRecord can be compared.
type wantedState struct {
	Generation int       `json:"generation"`
	Active     bool      `json:"active,omitempty"`
	Held       bool      `json:"held,omitempty"`
	Suspended  bool      `json:"suspended,omitempty"`
	Forgotten  bool      `json:"forgotten,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	FlapTries  int       `json:"flap_tries,omitempty"`
	RetryAt    time.Time `json:"retry_at,omitzero"`
	GaveUp     bool      `json:"gave_up,omitempty"`
	Trouble    string    `json:"trouble,omitempty"`
	Over       time.Time `json:"over,omitzero"`
}

type slotRecord struct {
	State    state     `json:"state"`
	PID      int       `json:"pid"`
	Restarts int       `json:"restarts,omitempty"`
	Failed   bool      `json:"failed,omitempty"`
	Refused  bool      `json:"refused,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`

	// Of an instance.
	Generation int       `json:"generation,omitempty"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	Stop       string    `json:"stop,omitempty"` // why it is being stopped
	KillAt     time.Time `json:"kill_at,omitzero"`
}

type exitRecord struct {
	savedExit
	NextRetryAt time.Time `json:"next_retry_at,omitzero"`
}

// journal notes what of a supervisor has changed since it was last recorded.
// The supervisor's mutex guards it.
type journal struct {
	id          int            // of the supervisor
	description bool           // the description has changed
	wanted      wantedRecord   // as last recorded
	pid         int            // as last recorded
	slots       map[*slot]bool // those that have changed
	more        []vault.Change // the rest
}

func (s *supervisor) key(suffix string, args ...any) string {
	return fmt.Sprintf("s%d"+suffix, append([]any{s.records.id}, args...)...)
}

// touch notes that a slot has changed. s.mu must be held.
func (s *supervisor) touch(sl *slot) {
	if s.m.options.Vault != nil {
		if s.records.slots == nil {
			s.records.slots = make(map[*slot]bool)
		}
		s.records.slots[sl] = true
	}
}

// note notes a change that is recorded with the next.
func (s *supervisor) note(key string, value []byte) {
	if s.m.options.Vault != nil {
		s.records.more = append(s.records.more, vault.Change{Key: key, Value: value})
	}
}

// commit records what has changed. It comes before anyone hears of it. s.mu must
// be held.
func (s *supervisor) commit() { s.m.record(s.changes()...) }

// changes are what is to be recorded. s.mu must be held.
func (s *supervisor) changes() []vault.Change {
	if s.m.options.Vault == nil {
		return nil
	}
	r := &s.records
	out := r.more
	r.more = nil
	if r.description {
		r.description = false
		out = append(out, vault.Change{Key: s.key(""), Value: encode(supervisorRecord{s.source, s.description()})})
	}
	if w := s.wanted(); w.wantedState != r.wanted.wantedState || !slices.Equal(w.Flaps, r.wanted.Flaps) {
		w.Flaps = slices.Clone(w.Flaps)
		r.wanted = w
		out = append(out, vault.Change{Key: s.key(".state"), Value: encode(w)})
	}
	for sl := range r.slots {
		value := s.slotRecord(sl)
		if value == nil {
			s.notePID(sl.pid)
		}
		out = append(out, vault.Change{Key: s.key(".%d", sl.index), Value: value})
	}
	clear(r.slots)
	out = append(out, r.more...) // of notePID
	r.more = nil
	return out
}

func (s *supervisor) wanted() wantedRecord {
	return wantedRecord{wantedState{
		Generation: s.generation, Active: s.active, Held: s.held, Suspended: s.flaps.suspended(),
		Forgotten: s.forgotten, Cause: s.cause, FlapTries: s.flaps.retries,
		RetryAt: s.flaps.retryAt, GaveUp: s.flaps.gaveUp, Trouble: s.trouble, Over: s.over,
	}, s.flaps.exits}
}

// slotRecord is nil for a slot of which there is nothing to tell.
func (s *supervisor) slotRecord(sl *slot) []byte {
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

// description is that of the template, as JSON. s.mu must be held.
func (s *supervisor) description() []byte {
	if s.saved.description == nil {
		s.saved.description = encode(s.template.description())
	}
	return s.saved.description
}

// file notes what the file says. m.mu must be held.
func (s *supervisor) file(t *Template) {
	s.filed = *t
	if s.m.options.Vault != nil {
		s.m.record(vault.Change{Key: s.key(".filed"), Value: encode(t.description())})
	}
}

// erase removes all records of a supervisor that is gone.
func (s *supervisor) erase() {
	if s.m.options.Vault == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := append(s.records.more,
		vault.Change{Key: s.key("")}, vault.Change{Key: s.key(".filed")},
		vault.Change{Key: s.key(".state")}, vault.Change{Key: s.key(".pid")},
		vault.Change{Key: "pid", Value: encode(s.m.pids.lastPID())})
	for _, sl := range s.slots.all {
		gone = append(gone, vault.Change{Key: s.key(".%d", sl.index)})
	}
	s.m.record(gone...)
	s.records.more = nil
}

// noteExit notes the exit of an instance. s.mu must be held.
func (s *supervisor) noteExit(inst *instance) {
	if s.m.options.Vault == nil {
		return
	}
	s.note(s.key(".x%d", inst.pid), (&exitRecord{inst.savedExit(), inst.exit.NextRetryAt}).encode())
}

// noteForgotten notes that nothing of an instance is kept. s.mu must be held.
func (s *supervisor) noteForgotten(inst *instance) {
	s.note(s.key(".x%d", inst.pid), nil)
	s.note(s.key(".i%d", inst.pid), nil)
	s.notePID(inst.pid)
}

// notePID comes when a record is removed that told of a pid, so that it is not given
// again: unless one of it or of a later pid remains, for which it is called in its turn.
// s.mu must be held.
func (s *supervisor) notePID(pid int) {
	if n := len(s.exits); n > 0 && s.exits[n-1].pid >= pid || pid <= s.records.pid {
		return
	}
	s.records.pid = pid
	s.note(s.key(".pid"), strconv.AppendInt(nil, int64(pid), 10))
}
