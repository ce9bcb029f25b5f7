package manager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
)

// saved is how the files of the state show a template, as far as it is known: it
// is made again only after a change, so that saving one of many is cheap.
type saved struct {
	description, exits []byte // nil: to be made
}

// savedTemplates is the content of templates.json: the descriptions that did not
// come from a file, one a line, and what is wanted of them.
func (m *Manager) savedTemplates() []byte {
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
	if s.saved.description == nil {
		s.saved.description = encode(s.template.description())
	}
	return s.saved.description
}

// description is what ParseTemplate makes the template of.
func (t *Template) description() map[string]any {
	d := make(map[string]any)
	for _, p := range t.Properties() {
		if p.Value != nil {
			d[p.Name] = p.Value
		}
	}
	return d
}

// savedExits is the content of exits.json: those of each process on a line. Until
// all of what was saved has been taken over, what is left of it is kept.
func (m *Manager) savedExits(lastPID int) []byte {
	lines := make(map[string][]byte)
	m.mu.RLock()
	all := slices.Clone(m.order)
	for name, exits := range m.options.State.exits.Exits {
		lines[name] = encode(exits)
	}
	m.mu.RUnlock()
	for _, s := range all {
		s.mu.Lock()
		if s.saved.exits == nil {
			s.saved.exits = encode(s.keptExits())
		}
		if len(s.exits) > 0 {
			lines[s.name] = s.saved.exits
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

// encode is JSON on one line.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of strings, numbers and times
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// lost is the reason of an exit that nobody saw: the daemon was killed.
const lost = "lost: gafferd was killed while it ran"

// lostStatus stands in the place of an exit status that is not known.
const lostStatus = 255

// cutOff gives what was run once, in the daemon's last life, the exit that this
// one did not live to see. s.m.mu must be held.
func (s *supervisor) cutOff(was savedTemplate, now time.Time) {
	seen := slices.ContainsFunc(s.exits, func(inst *instance) bool { return inst.pid == was.PID })
	if seen || was.PID == 0 {
		return
	}
	e := savedExit{
		PID: was.PID, Index: 1, OSPid: was.OSPid, StartedAt: was.Started, EndedAt: now,
		ExitStatus: lostStatus, Reason: lost,
	}
	inst := s.endedInstance(exitEntry{savedExit: e})
	inst.exit.Stderr = inst.lastWords()
	s.remember(inst)
	s.publishExit(inst)
}
