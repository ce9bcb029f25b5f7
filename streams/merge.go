package streams

import (
	"context"
	"io"
	"slices"
	"time"
)

// Source is one Log of a Merge. Key tells it from the others and comes back with
// its lines.
type Source[K comparable] struct {
	Key K
	Log *Log
	At  int64 // where to begin

	Only Filter // of its lines; see NewLinesOnly

	// Begun, if it is not zero, says that At is within a line that was given in
	// part before, and began then.
	Begun time.Time
}

// Merged is a line of a Merge, and whose.
type Merged[K comparable] struct {
	Key K
	Line
}

// Merge reads several Logs as one, line by line, in the order in which the lines
// were completed: by the numbers of their writes, so all Logs must share one
// Sequence. It is a view on the reader's side, over a Lines for each Log that it
// follows.
//
// A Merge belongs to one goroutine.
type Merge[K comparable] struct {
	seq  *Sequence
	bell *Bell
	more func() []Source[K]

	inputs []*input[K]
	given  *input[K] // whose line was given last
	last   *input[K] // likewise, but for what is no line
	number uint64    // of that line
	upTo   uint64    // what is completed by a write up to this number is in sight
}

// input is one Log of a Merge, and the line that it would give next.
type input[K comparable] struct {
	key   K
	lines *Lines
	next  Line
	ready bool // next is one
	empty bool // there was none when last looked
	ended bool // and none will come

	log  *Log
	seen uint64        // the log's changes when last looked
	hold time.Duration // how long an unfinished line was still to wait then; 0: there was none
}

// NewMerge merges the Logs that more returns. It is called again whenever bell
// has rung, and returns those that have come since, each once; a Log that has ended is
// left out by itself. bell must be rung by all of them, and before a new one is written
// to. The Merge must be closed.
func NewMerge[K comparable](seq *Sequence, bell *Bell, more func() []Source[K]) *Merge[K] {
	return &Merge[K]{seq: seq, bell: bell, more: more}
}

// Close detaches the Merge from its Logs. more may call it to begin anew with what it
// returns.
func (m *Merge[K]) Close() {
	for _, in := range m.inputs {
		in.lines.Close()
	}
	m.inputs, m.given, m.last = nil, nil, nil
}

// Next returns the next line, waiting for it if need be. A Line that tells of a
// loss or is Partial comes in its turn. The error is ErrIdle after waiting for
// idle (0 or less: for ever), or the cause of ctx's end. There is no end: a new
// Log may come.
func (m *Merge[K]) Next(ctx context.Context, idle time.Duration) (Merged[K], error) {
	var deadline time.Time
	if idle > 0 {
		deadline = time.Now().Add(idle)
	}
	for {
		rung, _ := m.bell.Wait() // before looking, so that nothing is overlooked
		line, hold, ok := m.poll()
		if ok {
			return line, nil
		}
		wait, due := sooner(hold, deadline)
		rang, err := pause(ctx, wait, rung)
		if err == nil && due && !rang {
			err = ErrIdle
		}
		if err != nil {
			return line, err
		}
	}
}

// Poll is Next without waiting: it returns ErrIdle when there is nothing now.
func (m *Merge[K]) Poll() (Merged[K], error) {
	if line, _, ok := m.poll(); ok {
		return line, nil
	}
	return Merged[K]{}, ErrIdle
}

// Flush gives the beginning of a line whose end has not come, as Lines.Flush
// does; ok is false when no Log has one.
func (m *Merge[K]) Flush() (line Merged[K], ok bool) {
	for _, in := range m.inputs {
		if in.ready {
			continue
		}
		if l, ok := in.lines.Flush(); ok {
			return Merged[K]{in.key, l}, true
		}
	}
	return line, false
}

// Reads reports whether the Log of that Key has not been read to its end.
func (m *Merge[K]) Reads(key K) bool {
	return slices.ContainsFunc(m.inputs, func(in *input[K]) bool { return in.key == key })
}

// poll returns the next line if it is known which that is. Otherwise hold is how
// long an unfinished line is still to wait for its end; 0 means that none is.
func (m *Merge[K]) poll() (line Merged[K], hold time.Duration, ok bool) {
	if m.given != nil {
		m.given.ready = false
		m.given = nil
	}
	if line, ok := m.least(); ok {
		return line, 0, true
	}
	m.upTo = m.seq.Last()
	m.add()
	hold = m.look()
	line, ok = m.least()
	return line, hold, ok
}

// add takes in the Logs that are new.
func (m *Merge[K]) add() {
	for _, s := range m.more() {
		lines := NewLinesOnly(s.Log, s.At, s.Only)
		if !s.Begun.IsZero() {
			lines.resume(s.Begun)
		}
		m.inputs = append(m.inputs, &input[K]{key: s.Key, lines: lines, log: s.Log})
	}
}

// look has every input that is not ready look for its next line, and leaves out
// those that have ended. After it, what was completed by a write up to upTo is in
// sight.
func (m *Merge[K]) look() (hold time.Duration) {
	m.inputs = slices.DeleteFunc(m.inputs, func(in *input[K]) bool {
		if in.ready || in.quiet() {
			return false
		}
		if in.poll() == io.EOF {
			in.lines.Close()
			return true
		}
		if in.hold > 0 && (hold == 0 || in.hold < hold) {
			hold = in.hold
		}
		return false
	})
	return hold
}

// least returns the first of the lines in sight. Nothing comes between the lines of one
// write: whoever resumes behind any of them goes by its number.
func (m *Merge[K]) least() (line Merged[K], ok bool) {
	if in := m.last; in != nil && (in.ready || in.refill()) && in.next.Number == m.number {
		m.given = in
		return Merged[K]{in.key, in.next}, true
	}
	var first *input[K]
	for _, in := range m.inputs {
		if !in.ready && !in.refill() {
			continue
		}
		if in.next.Number <= m.upTo && (first == nil || in.next.Number < first.next.Number) {
			first = in
		}
	}
	if first == nil {
		return line, false
	}
	m.given = first
	if first.next.Number > 0 {
		m.last, m.number = first, first.next.Number
	}
	return Merged[K]{first.key, first.next}, true
}

// refill looks for the next line of an input that had one before; one that had none is
// not asked again until upTo has moved on.
func (in *input[K]) refill() bool {
	if in.empty {
		return false
	}
	in.poll()
	return in.ready
}

// quiet reports whether there is nothing new since the input was empty: there may be
// thousands, of which one has something to say.
func (in *input[K]) quiet() bool {
	return in.empty && !in.ended && in.hold == 0 && in.seen == in.log.changes.Load()
}

// poll looks for the next line.
func (in *input[K]) poll() (err error) {
	in.seen = in.log.changes.Load() // before looking, so that nothing is overlooked
	in.next, in.hold, err = in.lines.Poll()
	in.ready, in.empty, in.ended = err == nil, err != nil, err == io.EOF
	return err
}

// pause waits for a bell, for d (0: for ever), or for ctx's end, whose cause it
// returns. rang says that it was the bell.
func pause(ctx context.Context, d time.Duration, bell <-chan struct{}) (rang bool, err error) {
	var timer <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-bell:
		return true, nil
	case <-timer:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
