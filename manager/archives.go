package manager

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// logMeta is what the archive of an instance keeps beside its output.
type logMeta struct {
	Index int  `json:"index"`
	Once  bool `json:"once,omitempty"`
	outline
}

// outline is what of a description a request for a stream may be about, long after an
// instance has ended.
type outline struct {
	Streams []string `json:"streams"`          // the labels of stdout and stderr; nil: they are not known
	Merged  bool     `json:"merged,omitempty"` // stderr has the label of stdout
	Input   bool     `json:"input,omitempty"`
	Custom  []string `json:"custom,omitempty"` // labels
}

func outlineOf(spec *process.Spec) outline {
	labels := append([]string{}, spec.Outputs()...)
	return outline{
		Streams: labels, Merged: len(labels) < len(spec.RedirectOutput),
		Input: spec.RedirectInput, Custom: spec.CustomStreams,
	}
}

// spec is what is known of the description of a process; nil if that is damaged.
func (o *outline) spec(name string) *process.Spec {
	outputs := o.Streams
	switch {
	case outputs == nil:
		return nil
	case o.Merged && len(outputs) > 0:
		outputs = []string{outputs[0], outputs[0]}
	}
	return &process.Spec{Name: name, RedirectOutput: outputs, RedirectInput: o.Input, CustomStreams: o.Custom}
}

// metaOf is what the archive of an instance keeps, or if that is lost, what the streams
// of most are called.
func metaOf(f *archive.File) (meta logMeta) {
	if json.Unmarshal(f.Meta(), &meta) != nil {
		return logMeta{outline: outline{Streams: []string{"stdout", "stderr"}}}
	}
	return meta
}

// createArchive makes the archive of an instance that is about to start; nil without a
// state directory.
func (s *supervisor) createArchive(inst *instance) *archive.File {
	spec := inst.spec
	if s.m.options.State == nil || len(spec.RedirectOutput) == 0 || spec.Detach {
		return nil
	}
	meta, err := json.Marshal(logMeta{inst.index, s.source == fromRun, outlineOf(spec)})
	if err != nil {
		panic(err) // of a number and strings
	}
	return s.m.options.State.logs.Create(groupOf(s.name), s.name, inst.pid, meta)
}

// reopen goes on with the archive of an instance that an earlier program has
// begun.
func (s *supervisor) reopen(inst *instance) *archive.File {
	if f := s.archiveOf(inst.pid); f != nil && len(f.Meta()) > 0 {
		return f
	}
	return s.createArchive(inst)
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

// newLog makes the logs of an instance, and makes known those that application
// logs are about, before anything is written to them.
func (s *supervisor) newLog(inst *instance, file *archive.File) func(label string, fd int, o streams.Options) *streams.Log {
	app := s.app
	return func(label string, fd int, lo streams.Options) *streams.Log {
		lo.Window = int(min(s.m.options.OutputWindow, math.MaxInt))
		if fd > 2 {
			return streams.NewLog(lo)
		}
		lo.Bell = &app.bell
		switch {
		case file != nil && fd == 1:
			lo.Archive = file.Stdout()
		case file != nil:
			lo.Archive = file.Stderr()
		}
		log := streams.NewLog(lo)
		if s.source == fromRun {
			log.Reserve(attachTime)
		}
		o := newOutput(outputKey{inst.pid, fd}, s.name, inst.index, log)
		inst.outputs = append(inst.outputs, o)
		s.m.outputs.add(app, o)
		return log
	}
}

// archiveOutput has the output of an instance written to disk, unless file is nil.
func (s *supervisor) archiveOutput(file *archive.File, inst *instance) {
	if file == nil {
		return
	}
	all := inst.logs
	if inst.proc != nil {
		all = inst.proc.Logs()
	}
	var logs [2]*streams.Log
	for i, label := range inst.spec.Outputs() {
		logs[i] = all[label] // it has that one
	}
	s.m.options.State.logs.Follow(file, logs[0], logs[1])
}

// written reports whether all of an instance that has ended is on disk.
func written(file *archive.File, logs map[string]*streams.Log, labels []string) bool {
	for i, a := range []streams.Archive{file.Stdout(), file.Stderr()} {
		if i >= len(labels) {
			break
		}
		if log := logs[labels[i]]; log != nil && a.End() < log.End() {
			return false
		}
	}
	return true
}

// recalled are the streams of an instance that ended in an earlier life of the
// daemon, by label, and what is known of its description.
func recalled(f *archive.File, name string) (spec *process.Spec, logs map[string]*streams.Log) {
	meta := metaOf(f)
	spec = meta.spec(name)
	logs = make(map[string]*streams.Log)
	for i, a := range []streams.Archive{f.Stdout(), f.Stderr()} {
		if i < len(meta.Streams) {
			logs[meta.Streams[i]] = streams.Archived(a)
		}
	}
	return spec, logs
}

// withoutFile is recalled where nothing is on disk.
func (e *exitEntry) withoutFile(name string) (spec *process.Spec, logs map[string]*streams.Log) {
	if e.Made == nil {
		return nil, nil
	}
	spec = e.Made.spec(name)
	if !e.Silent {
		return spec, nil // it was, and has been removed
	}
	logs = make(map[string]*streams.Log)
	for _, label := range e.Made.Streams {
		logs[label] = streams.NewLog(streams.Options{})
		logs[label].Close()
	}
	return spec, logs
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
