package manager

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// logMeta is what the archive of an instance keeps beside its output.
type logMeta struct {
	Index   int      `json:"index"`
	Streams []string `json:"streams"` // the labels of stdout and stderr
	Once    bool     `json:"once,omitempty"`
}

// metaOf is what the archive of an instance keeps; nothing, if that is damaged.
func metaOf(f *archive.File) (meta logMeta) {
	_ = json.Unmarshal(f.Meta(), &meta)
	return meta
}

// createArchive makes the archive of an instance that is about to start; nil without a
// state directory.
func (s *supervisor) createArchive(inst *instance, spec *process.Spec) *archive.File {
	labels := spec.Outputs()
	if s.m.options.State == nil || len(labels) == 0 || spec.Detach {
		return nil
	}
	meta, err := json.Marshal(logMeta{inst.index, labels, s.source == fromRun})
	if err != nil {
		panic(err) // of a number and strings
	}
	return s.m.options.State.logs.Create(groupOf(s.name), s.name, inst.pid, meta)
}

// recalled are the streams of an instance that ended in an earlier life of the
// daemon, by label.
func recalled(f *archive.File) map[string]*streams.Log {
	meta := metaOf(f)
	logs := make(map[string]*streams.Log)
	for i, a := range []streams.Archive{f.Stdout(), f.Stderr()} {
		if i < len(meta.Streams) {
			logs[meta.Streams[i]] = streams.Archived(a)
		}
	}
	return logs
}

// archivedOutputs are the outputs of an app of which something is on disk.
func (m *Manager) archivedOutputs(app string) (old []*output) {
	if m.options.State == nil {
		return nil
	}
	logs := m.options.State.logs
	for _, name := range logs.Processes()[app] {
		for _, f := range logs.Files(name) {
			meta := metaOf(f)
			for i, a := range []streams.Archive{f.Stdout(), f.Stderr()} {
				if a.End() > 0 {
					old = append(old, newOutput(outputKey{f.PID(), i + 1}, name, meta.Index, streams.Archived(a)))
				}
			}
		}
	}
	return old
}

// adopt gives a template the exits that a process of its name had in an earlier
// life of the daemon.
func (m *Manager) adopt(s *supervisor) {
	if m.options.State == nil {
		return
	}
	for _, e := range m.options.State.exits.Exits[s.name] {
		s.remember(s.endedInstance(e))
	}
	delete(m.options.State.exits.Exits, s.name)
}

// endedInstance is one that ended in an earlier life of the daemon, with what is kept of
// its output.
func (s *supervisor) endedInstance(e savedExit) *instance {
	inst := &instance{pid: e.PID, index: e.Index, owner: s, exit: e.listed()}
	if file := s.archiveOf(e.PID); file != nil {
		inst.logs = recalled(file)
	}
	return inst
}

// remember adds the exit of an instance that ended in an earlier life of the daemon.
func (s *supervisor) remember(inst *instance) {
	s.mu.Lock()
	s.exits = append(s.exits, inst)
	s.noteExit(inst)
	s.saved.exits = nil
	s.mu.Unlock()
	s.m.pids.add(inst)
}

// Restore creates the templates that were made over the API in an earlier life
// of the daemon, as they were wanted when it ended, in their order. One whose
// name is taken meanwhile (by a file, say) is left out and returned. It is to be
// called once, also if there is nothing to restore: from then on templates are
// saved. Without a state directory it does nothing.
func (m *Manager) Restore() (taken []string, err error) {
	defer func() {
		if err == nil {
			m.writeVault([]change{{"loaded", []byte("true")}}) // the rest is as complete by now
		}
	}()
	if m.options.State == nil {
		return nil, nil
	}
	for _, saved := range m.options.State.saved.Processes {
		t, err := saved.template()
		if err != nil {
			return taken, fmt.Errorf("state directory: %s: %w", templatesFile, err)
		}
		if !m.restore(t, saved) {
			taken = append(taken, t.Name)
		}
	}
	m.mu.Lock()
	m.options.State.exits.Exits = nil // what is left is of processes that are gone
	m.forgetLostRuns()
	m.mu.Unlock()
	m.saver.begin()
	return taken, nil
}

func (saved *savedTemplate) template() (Template, error) {
	var description map[string]any
	if err := json.Unmarshal(saved.Description, &description); err != nil {
		return Template{}, err
	}
	t, err := ParseTemplate(description)
	if err != nil {
		return t, fmt.Errorf("process %q: %w", description["name"], err)
	}
	return t, nil
}

func (m *Manager) restore(t Template, saved savedTemplate) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.free(t.Name) != nil {
		return false
	}
	if saved.Run {
		s := m.add(t, fromRun)
		s.cutOff(saved, time.Now())
		s.expire(saved.Ended)
		return true
	}
	s := m.add(t, fromAPI)
	if saved.Active {
		s.command(newOperation(1), (*supervisor).start)
	}
	return true
}

// archiveOf is what is on disk of one instance; nil if nothing is.
func (s *supervisor) archiveOf(pid int) *archive.File {
	if s.m.options.State == nil {
		return nil
	}
	files := s.m.options.State.logs.Files(s.name)
	if i := slices.IndexFunc(files, func(f *archive.File) bool { return f.PID() == pid }); i >= 0 {
		return files[i]
	}
	return nil
}

// reopen goes on with the archive of an instance that an earlier program has
// begun.
func (s *supervisor) reopen(inst *instance, spec *process.Spec) *archive.File {
	if f := s.archiveOf(inst.pid); f != nil {
		return f
	}
	return s.createArchive(inst, spec)
}
