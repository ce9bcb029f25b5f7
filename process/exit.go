package process

import (
	"bytes"
	"cmp"
	"log/slog"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// Reasons in an Exit, beside those that callers of Stop and Kill give.
const (
	ReasonExited      = "exited"        // by itself
	ReasonKilled      = "killed"        // by a signal nobody here sent as a stop
	ReasonStopped     = "stopped"       // a stop without a reason of its own
	ReasonOutOfMemory = "out of memory" // killed by the kernel for want of it
	ReasonDetached    = "detached"      // launched and let go of
)

// Exit is how an instance ended.
type Exit struct {
	OSPid      int
	StartedAt  time.Time
	EndedAt    time.Time // when the leader ended
	ExitStatus int       // 0 when killed by a signal
	TermSignal int       // 0 when it exited
	Reason     string
	Stderr     []string // its last lines
}

// LogValue says how an Exit appears in structured logs.
func (e Exit) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("os_pid", e.OSPid),
		slog.Int("exit_status", e.ExitStatus),
		slog.Int("term_signal", e.TermSignal),
		slog.String("reason", e.Reason),
	)
}

// ended records the leader's end. A stop that came before it is its reason.
func (e *Exit) ended(s Status, at time.Time) {
	e.EndedAt, e.ExitStatus, e.TermSignal = at, s.ExitStatus, s.TermSignal
	reason := ReasonExited
	switch {
	case s.OutOfMemory:
		reason = ReasonOutOfMemory
	case s.TermSignal != 0:
		reason = ReasonKilled
	}
	e.Reason = cmp.Or(e.Reason, reason)
}

// What Exit.Stderr holds at most.
const (
	lastLines     = 20
	lastLineBytes = 8 << 10
)

// lastLines are the last lines of stderr, or of stdout when stderr is merged
// into it. They end with the log, so it must be closed.
func (p *Process) lastLines() []string {
	if len(p.spec.RedirectOutput) < 2 {
		return nil // stderr was discarded
	}
	s := p.readable(p.spec.RedirectOutput[1])
	if s == nil { // it was detached
		return nil
	}
	return LastLines(s.log)
}

// LastLines are the last lines of a log, as many as Exit.Stderr has.
func LastLines(log *streams.Log) (lines []string) {
	at, limit := max(log.TailLines(lastLines), log.End()-lastLineBytes), lastLineBytes
	for {
		data, missed := log.Read(at, limit) // no further than to where something is missing
		if len(data) == 0 {
			return lines
		}
		lines = append(lines, splitLines(data)...)
		at += missed + int64(len(data))
		limit -= len(data)
	}
}

// splitLines returns the lines of text, whichever way they end. What is not
// UTF-8 is replaced, since the lines are for people.
func splitLines(text []byte) []string {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	var lines []string
	for len(text) > 0 {
		end := bytes.IndexAny(text, "\r\n")
		if end < 0 {
			return append(lines, string(text))
		}
		lines = append(lines, string(text[:end]))
		if bytes.HasPrefix(text[end:], []byte("\r\n")) {
			end++
		}
		text = text[end+1:]
	}
	return lines
}
