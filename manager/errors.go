package manager

import (
	"errors"

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

// rangeError is a number outside of what is allowed. It is an ErrBadValue,
// and its text is a whole sentence about the property.
type rangeError struct{ property, problem string }

func (e *rangeError) Error() string { return e.property + ": " + e.problem }
func (e *rangeError) Unwrap() error { return ErrBadValue }
