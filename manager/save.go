package manager

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/gafferd/gaffer/process"
)

// savePause lets changes gather that come together.
const savePause = 10 * time.Millisecond

// saver keeps the files of the state up to date. It is nil without a state
// directory.
type saver struct {
	m     *Manager
	dirty chan struct{} // has a token when something has changed
	quit  chan struct{} // closed when nothing will change any more
	done  chan struct{} // closed when all is written

	mu        sync.Mutex // guards everything below; no other is taken before it
	restored  bool       // what was saved has been taken over
	frozen    bool       // the templates are not to change any more
	templates string     // as last written
	exits     string
}

func newSaver(m *Manager) *saver {
	sv := &saver{m: m, dirty: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go sv.run()
	return sv
}

// changed notes that something is to be written. It does not wait.
func (sv *saver) changed() {
	if sv == nil {
		return
	}
	select {
	case sv.dirty <- struct{}{}:
	default:
	}
}

// begin lets the templates be written: before Restore they are not all there.
func (sv *saver) begin() {
	sv.mu.Lock()
	sv.restored = true
	sv.mu.Unlock()
	sv.changed()
}

// freeze writes the templates for the last time: what is stopped by a shutdown
// is to run again.
func (sv *saver) freeze() {
	if sv == nil {
		return
	}
	sv.save()
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.frozen = true
}

// finish writes what is left and ends the saver.
func (sv *saver) finish() {
	if sv == nil {
		return
	}
	close(sv.quit)
	<-sv.done
}

// run writes what changes. It ends with finish.
func (sv *saver) run() {
	defer close(sv.done)
	for {
		select {
		case <-sv.dirty:
			sv.pause()
			sv.save()
		case err := <-sv.m.options.State.failures:
			sv.m.logTrouble(err)
		case <-sv.quit:
			sv.save()
			return
		}
	}
}

// pause lets changes gather.
func (sv *saver) pause() {
	select {
	case <-time.After(savePause):
	case <-sv.quit:
	}
}

// save writes the files whose content has changed. One that cannot be written is
// tried again with the next change.
func (sv *saver) save() {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	if sv.restored && !sv.frozen {
		sv.write(templatesFile, sv.m.savedTemplates(), &sv.templates)
	}
	sv.write(exitsFile, sv.m.savedExits(), &sv.exits)
}

func (sv *saver) write(name string, content any, last *string) {
	data, err := json.MarshalIndent(content, "", " ")
	if err == nil && string(data) == *last {
		return
	}
	if err == nil {
		err = sv.m.options.State.write(name, append(data, '\n'))
	}
	if err != nil {
		sv.m.options.Logger.Warn("state not written", "file", name, "error", err)
		return
	}
	*last = string(data)
}

// logTrouble makes known that logs cannot be written to disk, or that they can
// again.
func (m *Manager) logTrouble(err error) {
	if err == nil {
		m.options.Logger.Info("logs are written to disk again")
		m.events.publish(Event{Type: "log_resumed"})
		return
	}
	m.options.Logger.Warn("logs are not written to disk; readers still get all that is in memory", "error", err)
	m.events.publish(Event{Type: "log_failed", Reason: err.Error()})
}

// savedTemplates are the descriptions that did not come from a file, and what is
// wanted of them.
func (m *Manager) savedTemplates() savedTemplates {
	saved := savedTemplates{Version: stateVersion, Processes: []savedTemplate{}}
	for _, s := range m.all() {
		if s.source == fromFile {
			continue
		}
		s.mu.Lock()
		if s.leaving == nil {
			saved.Processes = append(saved.Processes, savedTemplate{
				Description: s.template.description(), Active: s.active, Run: s.source == fromRun, Ended: s.over,
			})
		}
		s.mu.Unlock()
	}
	return saved
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

func (m *Manager) savedExits() savedExits {
	saved := savedExits{Version: stateVersion, LastPID: m.pids.lastPID(), Exits: make(map[string][]savedExit)}
	for _, s := range m.all() {
		s.mu.Lock()
		for _, inst := range s.exits {
			r := &inst.record
			saved.Exits[s.name] = append(saved.Exits[s.name], savedExit{
				PID: inst.pid, Index: inst.index, OSPid: r.OSPid, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
				ExitStatus: r.ExitStatus, TermSignal: r.TermSignal, Reason: r.Reason, Stderr: r.Stderr,
			})
		}
		s.mu.Unlock()
	}
	return saved
}

func (e *savedExit) record() ExitRecord {
	return ExitRecord{PID: e.PID, Exit: process.Exit{
		OSPid: e.OSPid, StartedAt: e.StartedAt, EndedAt: e.EndedAt,
		ExitStatus: e.ExitStatus, TermSignal: e.TermSignal, Reason: e.Reason, Stderr: e.Stderr,
	}}
}
