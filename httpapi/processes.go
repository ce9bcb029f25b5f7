package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// listProcesses lists names, or pids with ?running, or objects with ?info.
func (s *Server) listProcesses(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	running, info := q.flag("running"), q.flag("info")
	if q.err != nil {
		return q.err
	}
	v := visitorOf(r)
	switch {
	case running && info:
		var all objects
		for _, i := range v.instances(s.manager) {
			all = append(all, s.instanceObject(v, i))
		}
		return writeJSON(w, all)
	case running:
		pids := []int{}
		for _, p := range s.manager.Snapshots() {
			if v.sees(p.Template.Name) {
				pids = append(pids, p.PIDs...)
			}
		}
		slices.Sort(pids)
		return writeJSON(w, pids)
	case info:
		var all []json.RawMessage
		for _, p := range s.manager.Snapshots() {
			if v.sees(p.Template.Name) {
				all = append(all, v.processJSON(p))
			}
		}
		return writeArray(w, all)
	}
	return writeJSON(w, v.among(s.manager.Names()))
}

// processJSON is a template with its state, as a visitor may see it. It is made
// once for all who may see the same of it.
func (v *visitor) processJSON(p *manager.Snapshot) json.RawMessage {
	type unredacted bool
	return p.Memo(unredacted(v.may(tokens.Admin)), func() any {
		o := v.description(p.Template).
			with("state", p.Status.State).
			with("active", p.Status.Active).
			with("running", p.Status.Running).
			with("pids", p.PIDs).
			with("next_retry_at", timeOrNull(p.Status.NextRetryAt))
		if p.Status.Once {
			o = o.with("once", true)
		}
		if trouble := p.Status.LastError; trouble != "" {
			o = o.with("last_error", trouble)
		}
		text, err := o.appendTo(nil)
		if err != nil {
			panic(err) // what a description is made of always marshals
		}
		return json.RawMessage(slices.Clip(text))
	}).(json.RawMessage)
}

func pidsOf(instances []manager.Instance) []int {
	pids := make([]int, len(instances))
	for i, instance := range instances {
		pids[i] = instance.PID
	}
	return pids
}

// instanceObject is an instance with what its template says now. A template
// that was deleted, while the instance is being stopped, is left out.
func (s *Server) instanceObject(v *visitor, i manager.Instance) object {
	o := object{{Name: "name", Value: i.Name}}
	if t, err := s.manager.Template(i.Name); err == nil {
		o = v.description(t)
	}
	o = o.with("pid", i.PID).
		with("os_pid", i.OSPid).
		with("index", i.Index).
		with("state", i.State).
		with("started_at", timeOrNull(i.StartedAt)).
		with("streams", append([]string{}, i.Streams...))
	if len(i.Remaining) > 0 {
		o = o.with("remaining", i.Remaining)
	}
	return o
}

func (s *Server) showProcess(w http.ResponseWriter, r *http.Request) error {
	t, err := s.manager.Template(mux.Vars(r)["name"])
	if err != nil {
		return err
	}
	return writeJSON(w, visitorOf(r).description(t))
}

// createProcess makes a template of the body.
func (s *Server) createProcess(w http.ResponseWriter, r *http.Request) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	description, err := readDescription(w, r)
	if err != nil {
		return err
	}
	t, err := manager.ParseTemplate(description)
	if err != nil {
		return err
	}
	accountOf(w).process = t.Name
	if err := visitorOf(r).covers(t.Name); err != nil {
		return err
	}
	op, err := s.manager.Create(t)
	if err != nil {
		return err
	}
	return s.finish(w, r, op, wait, nil)
}

// updateProcess replaces a template. The path names it; the body need not.
func (s *Server) updateProcess(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	description, err := readDescription(w, r)
	if err != nil {
		return err
	}
	if _, err := s.manager.Template(name); err != nil {
		return err
	}
	if other, ok := description["name"].(string); ok && other != name {
		return &process.PropertyError{
			Property: "name",
			Problem:  fmt.Sprintf("got %q, want %q, the name in the path, or none", shorten(other), name),
		}
	}
	if description["name"] == nil {
		description["name"] = name
	}
	t, err := manager.ParseTemplate(description)
	if err != nil {
		return err
	}
	op, err := s.manager.Update(name, t)
	if err != nil {
		return err
	}
	return s.finish(w, r, op, wait, nil)
}

// readDescription reads that of a process.
func readDescription(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	return readObject(w, r, `{"name": "web", "cmd": "./web"}`)
}

func (s *Server) listPIDs(w http.ResponseWriter, r *http.Request) error {
	instances, err := s.manager.InstancesOf(mux.Vars(r)["name"])
	if err != nil {
		return err
	}
	return writeJSON(w, object{{Name: "ok", Value: true}, {Name: "pids", Value: pidsOf(instances)}})
}

func (s *Server) listExits(w http.ResponseWriter, r *http.Request) error {
	exits, err := s.manager.Exits(mux.Vars(r)["name"])
	if err != nil {
		return err
	}
	objects := []object{}
	for _, e := range exits {
		objects = append(objects, object{
			{Name: "pid", Value: e.PID},
			{Name: "os_pid", Value: e.OSPid},
			{Name: "started_at", Value: timeOrNull(e.StartedAt)},
			{Name: "ended_at", Value: timeOrNull(e.EndedAt)},
			{Name: "exit_status", Value: e.ExitStatus},
			{Name: "term_signal", Value: e.TermSignal},
			{Name: "reason", Value: e.Reason},
			{Name: "next_retry_at", Value: timeOrNull(e.NextRetryAt)},
			{Name: "stderr", Value: append([]string{}, e.Stderr...)},
		})
	}
	return writeJSON(w, objects)
}

// pidOf is the pid in the path, which the router has found to be digits.
func pidOf(r *http.Request) (int, error) {
	text := mux.Vars(r)["pid"]
	pid, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("pid %s: %w", shorten(text), manager.ErrNotFound)
	}
	return pid, nil
}

func (s *Server) showInstance(w http.ResponseWriter, r *http.Request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	i, err := s.manager.Instance(pid)
	if err != nil {
		return err
	}
	return writeJSON(w, s.instanceObject(visitorOf(r), i))
}

func (s *Server) listInstances(w http.ResponseWriter, r *http.Request) error {
	objects := []object{}
	for _, i := range visitorOf(r).instances(s.manager) {
		objects = append(objects, object{
			{Name: "pid", Value: i.PID}, {Name: "name", Value: i.Name}, {Name: "os_pid", Value: i.OSPid},
		})
	}
	return writeJSON(w, objects)
}
