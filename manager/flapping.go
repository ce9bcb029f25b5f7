package manager

import (
	"time"

	"github.com/gafferd/gaffer/process"
)

// Flapping stops a template whose instances end too often: Attempts exits
// within Window. It is tried again after RetryIn, MaxRetry times (-1: for
// ever), and then stays stopped. Exits that were asked for do not count; a
// failed start does.
type Flapping struct {
	Attempts        int
	Window, RetryIn time.Duration
	MaxRetry        int
}

// defaultFlapping fills in what a description with "flapping" leaves out.
var defaultFlapping = Flapping{Attempts: 2, Window: time.Second, RetryIn: 7 * time.Second, MaxRetry: 5}

func (f *Flapping) validate() error {
	problem := ""
	switch {
	case f.Attempts < 1 || f.Attempts > maxAttempts:
		problem = "attempts must be 1 to 10000"
	case f.Window < 0 || f.RetryIn < 0:
		problem = "has a negative time, want seconds from 0 up"
	case f.MaxRetry < -1:
		problem = "max_retry must be 0 or more, or -1 for no end"
	default:
		return nil
	}
	return &process.PropertyError{Property: "flapping", Problem: problem}
}

// maxAttempts bounds what a template remembers of its exits.
const maxAttempts = 10_000

// flaps watches one template for flapping, and holds what has come of it. Its zero value
// has seen nothing.
type flaps struct {
	exits   []time.Time // the last of them, oldest first, at most Attempts
	retries int         // since the last reset
	retryAt time.Time   // when the template is tried again; zero: it is not suspended
	gaveUp  bool        // it was flapping once too often
}

// exit counts an exit at the time given. It reports whether that is one too many: then
// the template is suspended, or f has given it up.
func (f *flaps) exit(policy *Flapping, at time.Time) (tooMany bool) {
	if policy == nil {
		return false
	}
	f.exits = append(f.exits, at)
	if extra := len(f.exits) - policy.Attempts; extra > 0 {
		f.exits = append(f.exits[:0], f.exits[extra:]...)
	}
	if len(f.exits) < policy.Attempts || at.Sub(f.exits[0]) > policy.Window {
		return false
	}
	f.exits = f.exits[:0]
	if policy.MaxRetry >= 0 && f.retries >= policy.MaxRetry {
		f.gaveUp = true
		return true
	}
	f.retries++
	f.retryAt = at.Add(policy.RetryIn)
	return true
}

// suspended reports whether the template is stopped until retryAt.
func (f *flaps) suspended() bool { return !f.retryAt.IsZero() }

// resume ends a suspension if its time has come, and reports whether it did.
func (f *flaps) resume(now time.Time) bool {
	if !f.suspended() || now.Before(f.retryAt) {
		return false
	}
	f.retryAt = time.Time{}
	return true
}

// reset forgets all: someone asked for a start or a stop, or an instance has held.
func (f *flaps) reset() { *f = flaps{} }
