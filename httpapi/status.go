package httpapi

import (
	"net/http"
	"runtime"

	"github.com/gorilla/mux"
)

// apiVersion changes when a client must know of a change.
const apiVersion = "1"

func (s *Server) welcome(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, object{{Name: "welcome", Value: "gaffer"}, {Name: "version", Value: s.version}})
}

// ping answers OK without a line end: gaffer's client compares.
func (s *Server) ping(w http.ResponseWriter, _ *http.Request) error {
	return writeBody(w, http.StatusOK, "text/plain; charset=utf-8", []byte("OK"))
}

func (s *Server) showVersion(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, object{
		{Name: "name", Value: "gaffer"},
		{Name: "version", Value: s.version},
		{Name: "commit", Value: s.commit},
		{Name: "go", Value: runtime.Version()},
		{Name: "api_version", Value: apiVersion},
	})
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	status, err := s.manager.Status(name)
	if err != nil {
		return err
	}
	o := object{
		{Name: "active", Value: status.Active},
		{Name: "running", Value: status.Running},
		{Name: "max_processes", Value: status.NumProcesses}, // for gaffer's clients
		{Name: "numprocesses", Value: status.NumProcesses},
		{Name: "state", Value: status.State},
	}
	if !status.NextRetryAt.IsZero() {
		o = o.with("next_retry_at", status.NextRetryAt.UTC())
	}
	if status.LastError != "" {
		o = o.with("last_error", status.LastError)
	}
	if status.Once {
		o = o.with("once", true)
	}
	return writeJSON(w, o)
}
