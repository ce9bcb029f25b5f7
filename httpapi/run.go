package httpapi

import (
	"fmt"
	"net/http"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// runOnly are the properties of which something that is run once has no choice, and
// the only value that each may have, nil for none.
var runOnly = []manager.Property{
	{Name: "name", Value: nil},
	{Name: "numprocesses", Value: 1},
	{Name: "restart", Value: string(manager.RestartNever)},
	{Name: "start", Value: true},
	{Name: "flapping", Value: nil},
	{Name: "detach", Value: false},
}

// run starts a program once, under a name that is made for it.
func (s *Server) run(w http.ResponseWriter, r *http.Request) error {
	description, err := readDescription(w, r)
	if err != nil {
		return err
	}
	for _, p := range runOnly {
		got, given := description[p.Name]
		switch {
		case !given || got == p.Value:
		case p.Value == nil:
			return &process.PropertyError{Property: p.Name, Problem: "does not go with what is run once: leave it out"}
		default:
			return &process.PropertyError{Property: p.Name, Problem: fmt.Sprintf("is %v for what is run once: leave it out", p.Value)}
		}
	}
	name := manager.NewRunName()
	if err := visitorOf(r).covers(name); err != nil {
		return err
	}
	description["name"] = name
	if _, given := description["backpressure"]; !given {
		description["backpressure"] = true // whoever runs it wants all of its output
	}
	t, err := manager.ParseTemplate(description)
	if err != nil {
		return err
	}
	i, err := s.manager.Run(r.Context(), t)
	if err != nil {
		if r.Context().Err() != nil {
			return err
		}
		return &startError{err, "start " + t.Name + ": "} // nobody has chosen that name
	}
	accountOf(w).process = i.Name
	answer, err := s.saved(r, object{
		{Name: "ok", Value: true},
		{Name: "name", Value: i.Name},
		{Name: "pid", Value: i.PID},
		{Name: "streams", Value: append([]string{}, i.Streams...)},
	})
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}
