package manager

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
)

// The names of the files.
const (
	templatesFile = "templates.json"
	exitsFile     = "exits.json"
	runningFile   = "running.json"
	stateVersion  = 1
)

// savedTemplates is the content of templates.json: the processes that did not come from a
// file, and what is wanted of them.
type savedTemplates struct {
	Version   int             `json:"version"`
	Processes []savedTemplate `json:"processes"`
}

type savedTemplate struct {
	Description json.RawMessage `json:"description"`
	Active      bool            `json:"active"` // it is to run

	// Of one that was to run once, by Manager.Run:
	Run     bool      `json:"run,omitempty"`
	PID     int       `json:"pid,omitempty"`
	OSPid   int       `json:"os_pid,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"` // when that was over
}

// savedExits is the content of exits.json: the exits of each process, the oldest
// first.
type savedExits struct {
	Version int                    `json:"version"`
	LastPID int                    `json:"last_pid"` // no pid up to this one is given again
	Exits   map[string][]exitEntry `json:"exits"`
}

type savedExit struct {
	PID        int       `json:"pid"`
	Index      int       `json:"index"`
	OSPid      int       `json:"os_pid"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
	ExitStatus int       `json:"exit_status"`
	TermSignal int       `json:"term_signal"`
	Reason     string    `json:"reason"`
	Stderr     []string  `json:"stderr,omitempty"`
}

// exitEntry is an exit in exits.json, with what is needed where no log is on disk.
type exitEntry struct {
	savedExit
	Made   *outline `json:"made,omitempty"`   // nil: it is not known
	Silent bool     `json:"silent,omitempty"` // it has written nothing
}

// encoded is how files and records show a template. It is made again only after a change,
// so that saving one of many is cheap.
type encoded struct {
	description, exits []byte // nil: to be made
}

// encodeTemplates is the content of templates.json, with one process a line.
func (m *Manager) encodeTemplates() []byte {
	b := fmt.Appendf(nil, `{"version": %d, "processes": [`, stateVersion)
	separator := "\n"
	for _, s := range m.all() {
		if s.source == fromFile {
			continue
		}
		s.mu.Lock()
		if s.leaving == nil {
			b = append(b, separator...)
			b = append(b, encode(s.savedTemplate())...)
			separator = ",\n"
		}
		s.mu.Unlock()
	}
	return append(b, "\n]}\n"...)
}

// savedTemplate is what is kept of a template. s.mu must be held.
func (s *supervisor) savedTemplate() savedTemplate {
	kept := savedTemplate{Description: s.description(), Active: s.active}
	if s.source == fromRun {
		kept.Run, kept.Ended = true, s.over
		if len(s.slots.all) > 0 {
			kept.PID = s.slots.all[0].pid
			if inst := s.slots.all[0].instance; inst != nil {
				kept.OSPid, kept.Started = inst.proc.OSPid(), inst.proc.StartedAt()
			}
		}
	}
	return kept
}

// description is that of the template, as JSON. s.mu must be held.
func (s *supervisor) description() []byte {
	if s.encoded.description == nil {
		s.encoded.description = encode(s.template.description())
	}
	return s.encoded.description
}

// encodeExits is the content of exits.json, with one process a line. Until all of what was
// saved has been taken over, what is left of it is kept.
func (m *Manager) encodeExits(lastPID int) []byte {
	lines := make(map[string][]byte)
	m.mu.RLock()
	all := slices.Clone(m.order)
	for name, exits := range m.options.State.exits.Exits {
		lines[name] = encode(exits)
	}
	m.mu.RUnlock()
	for _, s := range all {
		s.mu.Lock()
		if s.encoded.exits == nil {
			s.encoded.exits = encode(s.keptExits())
		}
		if len(s.exits) > 0 {
			lines[s.name] = s.encoded.exits
		}
		s.mu.Unlock()
	}
	b := fmt.Appendf(nil, `{"version": %d, "last_pid": %d, "exits": {`, stateVersion, lastPID)
	separator := "\n"
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		b = append(b, separator...)
		b = append(append(append(b, encode(name)...), ": "...), lines[name]...)
		separator = ",\n"
	}
	return append(b, "\n}}\n"...)
}

// keptExits are the exits in the form in which they are kept. s.mu must be held.
func (s *supervisor) keptExits() []exitEntry {
	kept := make([]exitEntry, len(s.exits))
	for i, inst := range s.exits {
		kept[i].savedExit = inst.savedExit()
		if inst.spec != nil {
			o := outlineOf(inst.spec)
			kept[i].Made, kept[i].Silent = &o, inst.silent(&o)
		}
	}
	return kept
}

// savedExit is that of an instance that has ended. s.mu must be held.
func (inst *instance) savedExit() savedExit {
	r := inst.exit
	return savedExit{
		PID: inst.pid, Index: inst.index, OSPid: r.OSPid, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
		ExitStatus: r.ExitStatus, TermSignal: r.TermSignal, Reason: r.Reason, Stderr: r.Stderr,
	}
}

// listed is the exit as Exits lists it.
func (e *savedExit) listed() *ExitRecord {
	return &ExitRecord{PID: e.PID, Exit: process.Exit{
		OSPid: e.OSPid, StartedAt: e.StartedAt, EndedAt: e.EndedAt,
		ExitStatus: e.ExitStatus, TermSignal: e.TermSignal, Reason: e.Reason, Stderr: e.Stderr,
	}}
}
