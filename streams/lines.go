package streams

import (
	"context"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is how many bytes of a line come in one piece.
	maxLine = 1 << 20

	// holdLine is how long an unfinished line waits for its end.
	holdLine = time.Second
)

// Line is a line of a stream, or a piece of one.
type Line struct {
	Offset int64  // of Text's first byte
	End    int64  // behind the line's end: where the next one begins
	Text   []byte // without CR, LF or CRLF; valid until the next call of Next

	// Missed is how many bytes before Offset were due but no longer kept. A
	// Line that tells of a loss has no Text and is none itself.
	Missed int64

	// Partial: the rest of the line follows later, in a Line that is a
	// Continuation. That one's Text is empty if only the line's end came.
	Partial      bool
	Continuation bool

	// Dropped: this is no line, but the place of those that were not wanted. It
	// tells that there is progress.
	Dropped bool

	Time   time.Time // when the line's first byte was read from the process
	Number uint64    // of the write that completed it, with the CR if it ends in CRLF, or of the Log's end
}

// Lines reads a Log line by line. CR, LF and CRLF end a line. A line of more
// than 1 MiB comes in pieces, an unfinished one after waiting for a second for
// its end, and neither cuts a UTF-8 rune in two. What stands behind the last
// line end when the Log ends is a line.
//
// Lines is a view made on the reader's side, over a Cursor of its own. It belongs to
// one goroutine. Another may call Close, once that one is done with the line in hand.
type Lines struct {
	cursor *Cursor
	only   Filter

	chunk  Chunk // what is left of it; Offset and Data move on together
	skipLF bool  // the last line ended in CR: an LF now belongs to it
	missed int64 // to be told before anything of chunk

	held      []byte // the line so far, from chunks that are used up
	begun     int64  // when the line's first byte was read from the process
	heldSince time.Time
	number    uint64 // of the last write that was looked at
	offset    int64  // of held[0]
	continued bool   // a piece of this line was given already
}

// NewLines reads l from offset on, as Log.Subscribe does. The Lines must be
// closed.
func NewLines(l *Log, offset int64) *Lines { return NewLinesOnly(l, offset, Filter{}) }

// NewLinesOnly is NewLines that leaves out what is not wanted, as far as it has
// a line from end to end: pieces of lines come, wanted or not. In the place of
// what was left out may come a Line that is Dropped.
func NewLinesOnly(l *Log, offset int64, only Filter) *Lines {
	return newLines(l, l.Subscribe(offset), only)
}

// NewSharedLines is NewLines for any number of readers, each of whom is counted by
// Attend and not by being attached.
func NewSharedLines(l *Log, offset int64) *Lines {
	return newLines(l, l.subscribe(offset, false), Filter{})
}

func newLines(l *Log, c *Cursor, only Filter) *Lines {
	ls := &Lines{cursor: c, only: only}
	// A reader that resumes between a CR and its LF has had the whole line.
	if at := ls.cursor.Offset(); at > 0 && !l.endsAt(at) {
		if b, missed := l.Read(at-1, 1); missed == 0 && len(b) == 1 {
			ls.skipLF = b[0] == '\r'
		}
	}
	return ls
}

// resume makes what comes first the rest of a line that was given in part
// before, and began at that time.
func (ls *Lines) resume(begun time.Time) { ls.continued, ls.begun = true, begun.UnixNano() }

// Place is how far the lines that were given reach: two readers at one place get the
// same from there on. open says that a part of a line was given, and its rest follows.
func (ls *Lines) Place() (offset int64, open bool) {
	switch {
	case len(ls.held) > 0:
		offset = ls.offset
	case len(ls.chunk.Data) > 0:
		offset = ls.chunk.Offset - ls.missed
	default:
		offset = ls.cursor.Offset() - ls.missed
	}
	return offset, ls.continued
}

// Clone is another reader at the same place, with a copy of the line so far, whose
// beginning may be kept nowhere else any more. It must be closed, and may belong to
// another goroutine.
func (ls *Lines) Clone() *Lines {
	other := *ls
	other.held = slices.Clone(ls.held)
	at := ls.cursor.Offset()
	if len(ls.chunk.Data) > 0 {
		at = ls.chunk.Offset
	}
	other.cursor = ls.cursor.log.subscribe(at, ls.cursor.counted)
	other.chunk = Chunk{Offset: at} // the rest of what is in hand comes again
	return &other
}

// Close detaches the reader. Closing again does nothing.
func (ls *Lines) Close() { ls.cursor.Close() }

// Next returns the next line, waiting for it if need be. The errors are those
// of Cursor.Next.
func (ls *Lines) Next(ctx context.Context, idle time.Duration) (Line, error) {
	var deadline time.Time
	for {
		line, hold, err := ls.Poll()
		if err != ErrIdle {
			return line, err
		}
		if idle > 0 && deadline.IsZero() { // not before there is something to wait for: most often there is not
			deadline = time.Now().Add(idle)
		}
		if err := ls.Wait(ctx, hold, deadline); err != nil {
			return Line{}, err
		}
	}
}

// Wait waits until Poll, which has returned hold and ErrIdle, may return something
// else. The error is ErrIdle when the deadline has come (zero: there is none), or the
// cause of ctx's end.
func (ls *Lines) Wait(ctx context.Context, hold time.Duration, deadline time.Time) error {
	wait, due := sooner(hold, deadline)
	err := ls.cursor.log.Wait(ctx, ls.cursor.Offset(), wait)
	if err == ErrIdle && !due || err == io.EOF {
		return nil
	}
	return err
}

// Poll is Next without waiting: it returns ErrIdle when there is no line now.
// Then hold, if it is not 0, is how long an unfinished line is still to wait for
// its end.
func (ls *Lines) Poll() (line Line, hold time.Duration, err error) {
	for {
		if ls.missed > 0 {
			return ls.gap(), 0, nil
		}
		if line, ok := ls.scan(); ok {
			return line, 0, nil
		}
		ls.hold()
		chunk, err := ls.cursor.Poll()
		if err == nil {
			ls.chunk, ls.missed = chunk, chunk.Missed
			continue
		}
		if len(ls.held) == 0 {
			return Line{}, 0, err
		}
		if err == io.EOF {
			ls.number = ls.cursor.log.Number()
			return ls.give(len(ls.held), ls.offset+int64(len(ls.held)), false), 0, nil
		}
		hold = holdLine - time.Since(ls.heldSince)
		if hold > 0 {
			return Line{}, hold, err
		}
		if line, ok := ls.piece(); ok {
			return line, 0, nil
		}
		ls.heldSince = time.Now() // half a rune: it goes on waiting
	}
}

// Flush gives the beginning of a line whose end has not come, without waiting
// for it. Its rest follows as a Continuation. ok is false when there is none.
func (ls *Lines) Flush() (line Line, ok bool) {
	if len(ls.held) == 0 {
		return Line{}, false
	}
	return ls.piece()
}

// sooner is how long to wait for what is due first: the end of hold (0: none) or
// the deadline (zero: none). due says that it is the deadline; 0 is for ever.
func sooner(hold time.Duration, deadline time.Time) (wait time.Duration, due bool) {
	if deadline.IsZero() {
		return hold, false
	}
	left := max(time.Until(deadline), 1)
	if hold > 0 && hold < left {
		return hold, false
	}
	return left, true
}

// scan takes the next line out of the chunk in hand, if its end is there.
func (ls *Lines) scan() (Line, bool) {
	ls.leap()
	if ls.only.Match != nil && len(ls.held) == 0 && !ls.continued && ls.drop() && len(ls.chunk.Data) == 0 {
		return Line{Offset: ls.chunk.Offset, End: ls.chunk.Offset, Dropped: true, Number: ls.number}, true
	}
	data := ls.chunk.Data
	if room := maxLine - len(ls.held); len(data) > room {
		data = data[:room]
	}
	end := lineEnd(data)
	switch {
	case end >= 0:
		return ls.line(end), true
	case len(ls.held)+len(data) == maxLine:
		ls.hold()
		return ls.piece()
	}
	return Line{}, false
}

// line returns the line whose text ends n bytes into the chunk in hand.
func (ls *Lines) line(n int) Line {
	data := ls.chunk.Data
	ended := 1
	switch {
	case data[n] == '\n':
	case n+1 < len(data) && data[n+1] == '\n':
		ended = 2
	case n+1 == len(data):
		ls.skipLF = true
	}
	line := Line{Offset: ls.chunk.Offset, End: ls.chunk.Offset + int64(n+ended), Text: data[:n:n]}
	if len(ls.held) > 0 || ls.continued {
		ls.keep(n)
		ls.skip(1)
		line = ls.give(len(ls.held), line.End, false)
	} else {
		line.Time = ls.chunk.Marks[0].Time()
		ls.skip(n + 1)
		line.Number = ls.number
	}
	ls.skip(ended - 1) // the LF may be of a later write: the line was complete without it
	return line
}

// hold keeps the chunk in hand as the beginning of a line, up to maxLine.
func (ls *Lines) hold() {
	if len(ls.chunk.Data) > 0 { // else it may not even be in hand any more
		ls.keep(min(len(ls.chunk.Data), maxLine-len(ls.held)))
	}
}

// keep moves n bytes of the chunk in hand to the line so far.
func (ls *Lines) keep(n int) {
	if len(ls.held) == 0 {
		ls.offset, ls.heldSince = ls.chunk.Offset, time.Now()
		if len(ls.chunk.Marks) > 0 && !ls.continued {
			ls.begun = ls.chunk.Marks[0].UnixNano
		}
	}
	ls.held = append(ls.held, ls.chunk.Data[:n]...)
	ls.skip(n)
}

// skip moves on by n bytes in the chunk in hand, and notes with which write the
// last of them came.
func (ls *Lines) skip(n int) {
	if n == 0 {
		return
	}
	c := &ls.chunk
	c.Offset += int64(n)
	c.Data = c.Data[n:]
	for len(c.Marks) > 1 && c.Marks[1].Offset < c.Offset {
		c.Marks = c.Marks[1:]
	}
	ls.number = c.Marks[0].Number
	if len(c.Marks) > 1 && c.Marks[1].Offset == c.Offset {
		c.Marks = c.Marks[1:]
	}
}

// piece returns the line so far without the beginning of a rune at its end, if
// that leaves anything.
func (ls *Lines) piece() (Line, bool) {
	n := len(ls.held) - runeStart(ls.held)
	if n == 0 {
		return Line{}, false
	}
	return ls.give(n, ls.offset+int64(n), true), true
}

// gap ends the line so far where bytes were missed, and then tells of those.
func (ls *Lines) gap() Line {
	if len(ls.held) > 0 {
		return ls.give(len(ls.held), ls.offset+int64(len(ls.held)), false)
	}
	at, missed := ls.chunk.Offset, ls.missed
	ls.missed, ls.skipLF, ls.continued = 0, false, false
	return Line{Offset: at, End: at, Missed: missed}
}

// give returns the first n bytes of the line so far as a Line.
func (ls *Lines) give(n int, end int64, partial bool) Line {
	line := Line{
		Offset: ls.offset, End: end, Text: ls.held[:n:n],
		Partial: partial, Continuation: ls.continued,
		Time: time.Unix(0, ls.begun), Number: ls.number,
	}
	ls.held = append([]byte(nil), ls.held[n:]...)
	ls.offset += int64(n)
	ls.heldSince = time.Now()
	ls.continued = partial
	return line
}

// runeStart is how many bytes at the end of b are the beginning of a rune whose
// rest is missing.
func runeStart(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
