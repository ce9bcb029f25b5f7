package manager

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/gafferd/gaffer/process"
)

// DefaultMaxNumProcesses is how many instances a template may have unless
// Options.MaxNumProcesses says otherwise.
const DefaultMaxNumProcesses = 10_000

// DefaultMaxProcesses is how many templates a Manager may have unless
// Options.MaxProcesses says otherwise.
const DefaultMaxProcesses = 10_000

// Template describes a process by name: what to run, how many of it, and what
// to do when one of them ends. Start from NewTemplate or ParseTemplate, which
// fill in the defaults; a zero Template is not valid.
type Template struct {
	process.Spec

	NumProcesses int
	Start        bool      // start it when it is created
	Priority     *int      // order at load time, lowest first; nil is last
	Restart      Restart   // what an exit leads to
	Backoff      Backoff   // how long to wait before a restart
	Flapping     *Flapping // nil: not looked for
	Essential    bool      // when it ends for good, so should the program: see Manager.Essential
}

// Restart says which exits are followed by a new instance.
type Restart string

// The restart policies. A program that cannot be started has failed.
const (
	RestartAlways    Restart = "always"
	RestartOnFailure Restart = "on-failure" // unless it exited with 0
	RestartNever     Restart = "never"
)

// wanted reports whether an instance that ended, well or not, is replaced.
func (r Restart) wanted(failed bool) bool {
	return r == RestartAlways || r == RestartOnFailure && failed
}

// NewTemplate is a template with every default filled in.
func NewTemplate(name, cmd string) Template {
	return Template{
		Spec:         process.NewSpec(name, cmd),
		NumProcesses: 1,
		Start:        true,
		Restart:      RestartAlways,
		Backoff:      Backoff{Initial: 100 * time.Millisecond, Max: 30 * time.Second, Reset: 10 * time.Second},
	}
}

// Validate reports every mistake at once: errors.Join of
// *process.PropertyError (ErrInvalid) and ErrBadValue. How many instances are
// too many is the Manager's to say.
func (t *Template) Validate() error {
	errs := []error{t.Spec.Validate()}
	if t.NumProcesses < 0 {
		errs = append(errs, &rangeError{"numprocesses", fmt.Sprintf("got %d, want 0 or more", t.NumProcesses)})
	}
	switch t.Restart {
	case RestartAlways, RestartOnFailure, RestartNever:
	default:
		errs = append(errs, &process.PropertyError{
			Property: "restart",
			Problem:  fmt.Sprintf("got %q, want always, on-failure or never", string(t.Restart)),
		})
	}
	if t.Essential && t.Detach {
		errs = append(errs, &process.PropertyError{
			Property: "essential", Problem: "does not go with detach: nobody sees how a detached process ends",
		})
	}
	errs = append(errs, t.Backoff.validate())
	if t.Flapping != nil {
		errs = append(errs, t.Flapping.validate())
	}
	return errors.Join(errs...)
}

// clone is a copy that shares nothing that can be changed.
func (t Template) clone() Template {
	t.Args = slices.Clone(t.Args)
	t.Env = maps.Clone(t.Env)
	t.RedirectOutput = slices.Clone(t.RedirectOutput)
	t.CustomStreams = slices.Clone(t.CustomStreams)
	t.Priority, t.Flapping = clonePointer(t.Priority), clonePointer(t.Flapping)
	t.cloneRights()
	return t
}

// sameProgram reports whether u describes the same but for how many instances
// there are, and for whether creating it also starts it. Instances of the one
// then need not be replaced by instances of the other.
func (t *Template) sameProgram(u *Template) bool {
	for _, p := range properties {
		if p.name == "numprocesses" || p.name == "start" {
			continue
		}
		if !reflect.DeepEqual(p.get(t), p.get(u)) {
			return false
		}
	}
	return true
}
