package manager

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// TailNone as a Tail means: nothing of what there is, only what comes.
const TailNone = -1

// LogQuery says what of an app's output is wanted. The zero value is all that is
// kept.
type LogQuery struct {
	Filter []string               // process types (web) or instances (worker-2); none: all
	Only   func(name string) bool // processes of these names; nil: all
	Stream string                 // stdout or stderr; "": both
	Grep   *regexp.Regexp         // lines that match; nil: all
	Since  time.Time              // lines completed then or later; zero: all that are kept
	Until  time.Time              // lines begun before; zero: no limit
	After  LogCursor              // what follows that line; zero: not given
	Tail   int                    // the last so many of these; 0: all; TailNone
	Follow bool                   // then what comes
}

// LogLine is a line of an app's output.
type LogLine struct {
	PID      int
	Process  string
	Instance string    // web-1
	Stream   string    // stdout or stderr
	Time     time.Time // when the line's first byte was read
	Text     []byte    // without the line's end; valid until the next call
	Cursor   LogCursor

	// Partial: the rest of the line follows later, as a Continuation.
	Partial      bool
	Continuation bool

	// Missed is how many bytes of the stream before this place were due but are
	// no longer kept. A LogLine that tells of a loss has no Text.
	Missed int64
}

// LogReader reads the output of all instances of an app as one log, line by line
// in the order in which the lines were completed. It belongs to one goroutine
// and must be closed.
type LogReader struct {
	m     *Manager
	app   *appOutputs
	query LogQuery
	merge *streams.Merge[*output]
	old   []*output // what the archive has; nil once begun
	upTo  uint64    // the last write there was in the beginning
	begun bool      // sources has been asked since the beginning, or since goOn
	seen  uint64    // how many outputs the app had had by then
	skip  int       // lines before those that are wanted
	only  streams.Filter

	given    *output // whose line was given last
	end      int64   // where what follows that begins
	reached  uint64  // the largest number that a cursor had, or of what is before the last lines
	open     openLines
	openText string // open, as cursors have it
}

// Logs opens the output of an app: of its instances, those that have ended while
// their exits are listed, and with a state directory of all that it keeps.
// ErrNotFound if there is neither a process nor history of that name.
func (m *Manager) Logs(name string, q LogQuery) (*LogReader, error) {
	old := m.archivedOutputs(name)
	if _, err := m.group(name); err != nil && len(old) == 0 {
		return nil, fmt.Errorf("app %q %w", name, ErrNotFound)
	}
	r := &LogReader{m: m, app: m.outputs.hold(name), query: q, old: old}
	r.open, _ = parseOpenLines(q.After.open) // it was checked when it was made
	r.upTo = m.sequence.Last()
	if q.After.number <= r.upTo {
		r.reached = q.After.number
	}
	if q.Grep != nil {
		prefix, _ := q.Grep.LiteralPrefix()
		r.only = streams.Filter{Match: q.Grep.Match, Prefix: []byte(prefix)}
	}
	if r.foreign() {
		maps.DeleteFunc(r.open, func(key outputKey, _ openLine) bool { return key.pid > m.earlier.pid })
	}
	r.openText = r.open.String()
	r.merge = streams.NewMerge(m.sequence, &r.app.bell, r.sources)
	return r, nil
}

// Close ends the reading. Closing again does nothing.
func (r *LogReader) Close() {
	r.merge.Close()
	if r.app != nil {
		r.m.outputs.release(r.app)
		r.app = nil
	}
}

// foreign reports whether the query's cursor is from another life of the daemon.
func (r *LogReader) foreign() bool {
	n := r.query.After.number
	return n <= r.m.earlier.number || n > max(r.upTo, r.reached)
}

// Next returns the next line. The error is io.EOF when there is nothing more and
// the query does not follow, streams.ErrIdle after waiting for idle, the cause
// of ctx's end, or ErrClosed.
func (r *LogReader) Next(ctx context.Context, idle time.Duration) (LogLine, error) {
	var deadline time.Time // set with the first line that is left out
	for {
		merged, err := r.next(ctx, idle)
		if err != nil {
			return LogLine{}, err
		}
		line := r.line(merged)
		switch {
		case merged.Dropped, !r.matches(&line):
		case r.skip > 0 && line.Missed == 0:
			r.skip--
		default:
			return line, nil
		}
		// What is left out is no reason to wait longer.
		switch {
		case ctx.Err() != nil:
			return LogLine{}, context.Cause(ctx)
		case idle <= 0:
		case deadline.IsZero():
			deadline = time.Now().Add(idle)
		case !time.Now().Before(deadline):
			return LogLine{}, streams.ErrIdle
		}
	}
}

// All yields every line up to the end and then closes the reader.
func (r *LogReader) All(ctx context.Context) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		defer r.Close()
		for {
			line, err := r.Next(ctx, 0)
			if err == io.EOF || !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// Ahead is what follows the line that Next returned last and is at hand, as far as it
// is of the same output and came with the same write, all in one: its Text is whole
// lines, each with an LF, and its Cursor is in front of them. ok is false if there
// is none. It costs a fraction of what Next does, where what Skip does not take comes.
func (r *LogReader) Ahead() (lines LogLine, ok bool) {
	if r.skip > 0 {
		return LogLine{}, false
	}
	run := r.merge.Ahead()
	if len(run.Text) == 0 || !r.query.Until.IsZero() && !run.Time.Before(r.query.Until) {
		return LogLine{}, false
	}
	o := r.given
	return LogLine{
		PID: o.pid, Process: o.process, Instance: o.instance, Stream: o.stream(),
		Time: run.Time, Text: run.Text,
		Cursor: LogCursor{r.reached, o.outputKey, run.Offset, r.openText},
	}, true
}

// Skip goes on behind the first n bytes of what Ahead has returned, which are whole
// lines.
func (r *LogReader) Skip(n int) {
	r.merge.Skip(n)
	r.end += int64(n)
}

// AfterApp calls f, in a goroutine of its own, when the app is gone, at once if it is:
// there is no process of it, nor an instance of one that was deleted. What they wrote
// can be read by then. Calling stop keeps f from being called; it reports whether it
// did.
func (r *LogReader) AfterApp(f func()) (stop func() bool) {
	return r.m.outputs.afterApp(r.app, f)
}

// Finish makes a reading that follows end with what there is now.
func (r *LogReader) Finish() {
	r.query.Follow = false
	r.upTo = r.m.sequence.Last()
}

func (r *LogReader) next(ctx context.Context, idle time.Duration) (streams.Merged[*output], error) {
	if r.query.Follow {
		return r.merge.Next(ctx, idle)
	}
	merged, err := r.merge.Poll()
	switch {
	case ctx.Err() != nil:
		return merged, context.Cause(ctx)
	case err == streams.ErrIdle:
		var ok bool
		if merged, ok = r.merge.Flush(); !ok {
			return merged, io.EOF
		}
	case err == nil && merged.Number > r.upTo:
		return merged, io.EOF // a flood would never end
	}
	return merged, nil
}

// line makes a LogLine of what the merge gave.
func (r *LogReader) line(m streams.Merged[*output]) LogLine {
	o := m.Key
	// What a daemon wrote last before it was killed may have lost its numbers. A
	// cursor that went back would bring the other streams twice.
	r.reached, r.given, r.end = max(r.reached, m.Number), o, m.End
	r.opened(m)
	return LogLine{
		PID: o.pid, Process: o.process, Instance: o.instance, Stream: o.stream(),
		Time: m.Time, Text: m.Text, Missed: m.Missed,
		Partial: m.Partial, Continuation: m.Continuation,
		Cursor: LogCursor{r.reached, o.outputKey, m.End, r.openText},
	}
}

func (r *LogReader) matches(l *LogLine) bool {
	q := &r.query
	switch {
	case l.Missed > 0:
		return true
	case !q.Until.IsZero() && !l.Time.Before(q.Until):
		return false
	}
	return q.Grep == nil || q.Grep.Match(l.Text)
}
