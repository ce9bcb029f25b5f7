package manager

import (
	"errors"
	"fmt"
	"syscall"
)

// trouble is what is wrong with the disk of the state directory, and makes that
// known: each trouble once, and its end. It belongs to the saver.
type trouble struct {
	m               *Manager
	ofLogs, ofState error // nil: none
}

// logs takes notice that logs cannot be written, or (nil) that they can again.
func (t *trouble) logs(err error) {
	known := t.ofLogs != nil || same(err, t.ofState)
	t.ofLogs = err
	if err == nil {
		t.m.options.Logger.Info("logs are written to disk again")
		t.m.events.publish(Event{Type: EventLogResumed})
		return
	}
	if !known {
		t.m.options.Logger.Warn("logs are not written to disk; readers still get all that is in memory", "error", err)
	}
	t.m.events.publish(Event{Type: EventLogFailed, Reason: err.Error()})
}

// leftOut makes known which logs of before cannot be read.
func (t *trouble) leftOut(errs []error) {
	for _, err := range errs {
		t.m.options.Logger.Warn("a log on disk cannot be read, and is left out", "error", err)
	}
}

// state is logs for the files of the state.
func (t *trouble) state(err error) {
	before := t.ofState
	t.ofState = err
	switch {
	case err == nil && before != nil:
		t.m.options.Logger.Info("the state is written to disk again")
	case err != nil && before == nil && !same(err, t.ofLogs):
		t.m.options.Logger.Warn("the state is not written to disk; what is changed now is forgotten if gafferd is killed", "error", err)
	}
}

// unkept makes known that what is read of a stream would be lost with this program.
func (s *supervisor) unkept(inst *instance, label string, err error) {
	reason := label + ": " + err.Error()
	s.m.options.Logger.Warn("output is lost when gafferd crashes or is upgraded", "process", s.name, "pid", inst.pid, "error", reason)
	s.m.events.publish(Event{Type: EventKeepFailed, Name: s.name, PID: inst.pid, Index: inst.index, Reason: reason})
}

// unread makes known that there is no memory for what is to be read of a stream, or
// that so many bytes of it are lost for that.
func (s *supervisor) unread(inst *instance, label string, lost int, err error) {
	message, reason := "output waits for memory, and its process when the pipe is full", label+": "+err.Error()
	if lost > 0 {
		message, reason = "output is lost for want of memory", fmt.Sprintf("%s: %d bytes are lost: %v", label, lost, err)
	}
	s.m.options.Logger.Warn(message, "process", s.name, "pid", inst.pid, "error", reason)
	s.m.events.publish(Event{Type: EventReadFailed, Name: s.name, PID: inst.pid, Index: inst.index, Reason: reason})
}

// same reports whether two errors have one reason: a disk that is full is full
// for all.
func same(a, b error) bool {
	x, ok := errors.AsType[syscall.Errno](a)
	y, also := errors.AsType[syscall.Errno](b)
	return ok && also && x == y
}
