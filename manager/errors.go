package manager

import (
	"errors"
	"fmt"

	"github.com/gafferd/gaffer/process"
)

// Errors that callers may test for with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInvalid  = process.ErrInvalid // a description with mistakes
	ErrTooMany  = errors.New("too many")
	ErrBadValue = errors.New("bad value") // a number of processes beyond the limit, a cursor that is none
	ErrClosed   = errors.New("manager is stopping")
	ErrBadEvent = errors.New("no such event")
	ErrLocked   = errors.New("another program has it open")
)

// TemplateError is what is wrong with one of the templates that Load, Plan or Apply
// is given.
type TemplateError struct {
	Name string // of the template
	Err  error
}

func (e *TemplateError) Error() string { return fmt.Sprintf("process %q: %v", e.Name, e.Err) }
func (e *TemplateError) Unwrap() error { return e.Err }

// rangeError is a number outside of what is allowed. It is an ErrBadValue,
// and its text is a whole sentence about the property.
type rangeError struct{ property, problem string }

func (e *rangeError) Error() string { return e.property + ": " + e.problem }
func (e *rangeError) Unwrap() error { return ErrBadValue }
