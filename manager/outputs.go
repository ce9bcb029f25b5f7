package manager

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// outputKey tells one stream of one instance from all others.
type outputKey struct {
	pid, fd int
}

// output is one stream of one instance, as application logs show it.
type output struct {
	outputKey
	process  string
	instance string // what its lines begin with: web-1
	log      *streams.Log
}

func newOutput(key outputKey, process string, index int, log *streams.Log) *output {
	return &output{key, process, fmt.Sprintf("%s-%d", typeOf(process), index), log}
}

// typeOf is what an instance is called by in its app: the name without the app.
func typeOf(process string) string {
	_, name, ok := strings.Cut(process, ":")
	if !ok {
		return process
	}
	return name
}

// stream is how o is called in JSON.
func (o *output) stream() string {
	if o.fd == 2 {
		return "stderr"
	}
	return "stdout"
}

// app is what the logs of one app share. It stays when they are gone: a reader
// may wait for the next.
type app struct {
	bell    streams.Bell // set when made
	outputs []*output    // by pid; guarded by outputs.mu
}

// outputs are the stdout and stderr of all instances whose logs are kept in
// memory, by app. It is safe for concurrent use.
type outputs struct {
	bell *streams.Bell // rung by every log

	mu   sync.Mutex // guards everything below
	apps map[string]*app
}

// app finds or makes the app of that name.
func (os *outputs) app(name string) *app {
	os.mu.Lock()
	defer os.mu.Unlock()
	a := os.apps[name]
	if a == nil {
		if os.apps == nil {
			os.apps = make(map[string]*app)
		}
		a = &app{bell: streams.Bell{Up: os.bell}}
		os.apps[name] = a
	}
	return a
}

// add makes known an output that nothing has been written to.
func (os *outputs) add(a *app, o *output) {
	os.mu.Lock()
	defer os.mu.Unlock()
	i, _ := slices.BinarySearchFunc(a.outputs, o.outputKey, compareOutputs)
	a.outputs = slices.Insert(a.outputs, i, o)
}

// remove forgets the outputs of an instance.
func (os *outputs) remove(name string, pid int) {
	os.mu.Lock()
	defer os.mu.Unlock()
	if a := os.apps[name]; a != nil {
		a.outputs = slices.DeleteFunc(a.outputs, func(o *output) bool { return o.pid == pid })
	}
}

// of returns the outputs of an app, by pid.
func (os *outputs) of(a *app) []*output {
	os.mu.Lock()
	defer os.mu.Unlock()
	return slices.Clone(a.outputs)
}

func compareOutputs(o *output, k outputKey) int {
	return cmp.Or(cmp.Compare(o.pid, k.pid), cmp.Compare(o.fd, k.fd))
}

// newLog makes the logs of an instance, and makes known those that application
// logs are about, before anything is written to them.
func (s *supervisor) newLog(inst *instance, file *archive.File) func(label string, fd int, o streams.Options) *streams.Log {
	app := s.m.outputs.app(groupOf(s.name))
	return func(label string, fd int, o streams.Options) *streams.Log {
		if fd > 2 {
			return streams.NewLog(o)
		}
		o.Bell = &app.bell
		switch {
		case file != nil && fd == 1:
			o.Archive = file.Stdout()
		case file != nil:
			o.Archive = file.Stderr()
		}
		log := streams.NewLog(o)
		if s.source == fromRun {
			log.Reserve(attachTime)
		}
		s.m.outputs.add(app, newOutput(outputKey{inst.pid, fd}, s.name, inst.index, log))
		return log
	}
}

// labels are the labels of stdout and stderr that an instance will have.
func labels(spec *process.Spec) []string {
	if l := spec.RedirectOutput; len(l) == 2 && l[0] == l[1] {
		return l[:1]
	}
	return spec.RedirectOutput
}

// follow has the output of an instance written to disk.
func (s *supervisor) follow(inst *instance, spec *process.Spec, file *archive.File) {
	if file == nil {
		return
	}
	var logs [2]*streams.Log
	for i, label := range labels(spec) {
		logs[i], _ = inst.proc.Log(label) // it has that one
	}
	s.m.options.State.logs.Follow(file, logs[0], logs[1])
}
