package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
)

// Reloaded is what Options.Reload has done, or would do.
type Reloaded struct {
	Plan      manager.Plan
	Operation *manager.Operation // that carries it out; nil if it was only planned

	Webhooks webhooks.Plan

	// NeedsRestart names what the configuration says otherwise than the running
	// server, and which is not followed before it is started again.
	NeedsRestart []string

	// Warnings are what is odd about the configuration.
	Warnings []string
}

// ConfigurationError is for Options.Reload to return when the configuration
// cannot be read, or has mistakes. Err has one on each line.
type ConfigurationError struct{ Err error }

func (e *ConfigurationError) Error() string { return e.Err.Error() }
func (e *ConfigurationError) Unwrap() error { return errConfiguration }

// reloadError is why nothing was reloaded. Its answer also lists the problems.
type reloadError struct{ error }

func (e *reloadError) Error() string      { return "nothing was changed: " + e.error.Error() }
func (e *reloadError) Unwrap() error      { return e.error }
func (e *reloadError) problems() []string { return strings.Split(e.error.Error(), "\n") }

// reloadConfiguration follows the configuration as it is now, or tells what that
// would come to.
func (s *Server) reloadConfiguration(w http.ResponseWriter, r *http.Request) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	planOnly := q.flag("plan")
	if q.err != nil {
		return q.err
	}
	if s.reload == nil {
		return &conflictError{errors.New("the daemon was started without a configuration file, so there is nothing to read again")}
	}
	done, err := s.reload(r.Context(), planOnly)
	if err != nil {
		return &reloadError{err}
	}
	if planOnly {
		return writeJSON(w, append(object{{Name: "ok", Value: true}}, shownReload(done)...))
	}
	return s.finish(w, r, done.Operation, wait, shownReload(done))
}

func shownReload(done Reloaded) object {
	changed, restarted := []string{}, []string{}
	changes := object{}
	for _, c := range done.Plan.Changed {
		changed = append(changed, c.Name)
		if c.Restarts {
			restarted = append(restarted, c.Name)
		}
		differences := []object{}
		for _, d := range c.Properties {
			shown := object{{Name: "property", Value: d.Property}}
			if !strings.HasPrefix(d.Property, "env.") {
				shown = shown.with("from", d.From).with("to", d.To)
			}
			differences = append(differences, shown)
		}
		changes = changes.with(c.Name, differences)
	}
	return object{
		{Name: "added", Value: append([]string{}, done.Plan.Added...)},
		{Name: "changed", Value: changed},
		{Name: "removed", Value: append([]string{}, done.Plan.Removed...)},
		{Name: "restarted", Value: restarted},
		{Name: "changes", Value: changes},
		{Name: "webhooks", Value: object{
			{Name: "added", Value: append([]webhooks.Planned{}, done.Webhooks.Added...)},
			{Name: "changed", Value: append([]webhooks.Planned{}, done.Webhooks.Changed...)},
			{Name: "removed", Value: append([]webhooks.Planned{}, done.Webhooks.Removed...)},
		}},
		{Name: "needs_restart", Value: append([]string{}, done.NeedsRestart...)},
		{Name: "warnings", Value: append([]string{}, done.Warnings...)},
	}
}

// listProblems adds to an answer what was wrong with a reload, one by one.
func listProblems(to *problemBody, err error, status int) {
	if reload, ok := errors.AsType[*reloadError](err); ok && status < http.StatusInternalServerError {
		to.Problems = reload.problems()
	}
}
