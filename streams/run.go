package streams

import (
	"bytes"
	"time"
)

// runBytes is how much of what is at hand comes in one Run.
const runBytes = 32 << 10

// Run is whole lines that lie together, for readers that have many to deal with: it
// costs a fraction of what its lines do one by one.
type Run struct {
	Offset int64  // of Text's first byte
	Text   []byte // each line ends in LF, and no CR is in it; valid until the next call of another method than Skip

	// Of a Merge's Run alone, all of which came with one write.
	Time   time.Time
	Number uint64
}

// Ahead is what follows the line that was given last and is at hand: as far as it
// is a Run, which may have nothing in it. Whatever Skip does not take comes as a Line.
func (ls *Lines) Ahead() Run { return ls.ahead(ls.chunk.Data) }

// Skip goes on behind the first n bytes of what Ahead has returned, which have to be
// whole lines and need not be all of it.
func (ls *Lines) Skip(n int) { ls.skip(n) }

// Ahead is what follows the line that was given last, in the same Log and from the same
// write: nothing comes between the lines of one. Otherwise it is like Lines.Ahead.
func (m *Merge[K]) Ahead() Run {
	if m.given == nil {
		return Run{}
	}
	ls := m.given.lines
	data, marks := ls.chunk.Data, ls.chunk.Marks
	if len(data) == 0 || marks[0].Number != m.given.next.Number {
		return Run{}
	}
	if len(marks) > 1 {
		data = data[:marks[1].Offset-ls.chunk.Offset]
	}
	run := ls.ahead(data)
	run.Time, run.Number = marks[0].Time(), marks[0].Number
	return run
}

// Skip is Lines.Skip for what Ahead has returned.
func (m *Merge[K]) Skip(n int) { m.given.lines.skip(n) }

// ahead is the Run with which data, the beginning of the chunk in hand, begins.
func (ls *Lines) ahead(data []byte) Run {
	if len(ls.held) > 0 || ls.continued || ls.skipLF || ls.missed > 0 || ls.only.Match != nil {
		return Run{}
	}
	data = data[:min(len(data), runBytes)]
	if cr := bytes.IndexByte(data, '\r'); cr >= 0 {
		data = data[:cr]
	}
	n := bytes.LastIndexByte(data, '\n') + 1
	return Run{Offset: ls.chunk.Offset, Text: data[:n:n]}
}
