//go:build linux

package keeper

import (
	"errors"
	"strings"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
)

// refusal tells why a child could not be started.
func refusal(id uint64, err error) message {
	m := message{kind: refused, id: id}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		m.a = int64(errno)
	}
	if err != error(errno) {
		m.data = []byte(err.Error())
	}
	if step, ok := err.(*spawn.StepError); ok {
		m.b = int64(len(step.Step))
	}
	return m
}

// refusedAs is the error that a refusal was made of, as far as errors.Is goes, and
// errors.As for a *spawn.StepError.
func refusedAs(m message) error {
	errno, text := syscall.Errno(m.a), string(m.data)
	switch {
	case text == "":
		return errno
	case errno == 0:
		return errors.New(text)
	case m.b > 0 && m.b < int64(len(text)):
		return &spawn.StepError{Step: text[:m.b], Err: &startError{strings.TrimPrefix(text[m.b:], ": "), errno}}
	}
	return &startError{text, errno}
}

type startError struct {
	text  string
	errno syscall.Errno
}

func (e *startError) Error() string { return e.text }
func (e *startError) Unwrap() error { return e.errno }
