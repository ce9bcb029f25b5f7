package streams

import (
	"iter"
	"slices"
)

// Archive is where the bytes of a Log are kept that its memory forgets
// (Options.Archive). Its methods may be called by any number of goroutines.
type Archive interface {
	// Start is the oldest offset that is kept, End the one behind the newest
	// byte. They are equal when nothing is kept. End waits for nothing: the Log
	// asks while it is locked.
	Start() int64
	End() int64

	// Read returns some of what is kept from offset on. The Chunk may begin
	// later than that and says what it Missed then. ok is false when nothing is
	// kept at offset or behind.
	Read(offset int64) (c Chunk, ok bool, err error)

	// Last is the newest write that is kept, or the stream's end.
	Last() Mark

	// Search returns the offset where the first write begins for which after is
	// true, if there is one. If that may be one that is no longer kept, it is 0.
	Search(after func(Mark) bool) (offset int64, ok bool)
}

// Archived makes a Log, closed already, of what an Archive has kept of a stream
// that ended long ago.
func Archived(a Archive) *Log {
	l := NewLog(Options{Archive: a})
	l.Close()
	last := a.Last()
	l.endNumber, l.endNano = last.Number, last.UnixNano
	return l
}

// Tap attaches a Cursor for an Archive's writer. Like any reader's it lets the
// window grow when it is behind, but the writer of the Log never waits for it.
// A Log has one at most.
func (l *Log) Tap(offset int64) *Cursor {
	c := l.at(offset)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tap = c
	l.attach(c)
	return c
}

// recall takes c's next chunk from the archive, if what c wants is no longer in
// memory and kept there. l.mu must be held; it is given up meanwhile.
func (l *Log) recall(c *Cursor) (Chunk, bool) {
	if l.archive == nil || c.next >= l.store.start() {
		return Chunk{}, false
	}
	at := c.next
	c.patient.gone = true // it reads at the disk's pace, not the stream's
	l.mu.Unlock()
	chunk, ok, err := l.archive.Read(at)
	l.mu.Lock()
	if err != nil || !ok || chunk.Offset >= l.store.start() {
		return Chunk{}, false // memory has the next there is
	}
	c.pos, c.next = chunk.Offset, chunk.Offset+int64(len(chunk.Data))
	return chunk, true
}

// runs yields what is kept before offset end, the newest first: pieces that do
// not change until the next one comes and are not empty, each with its offset.
func (l *Log) runs(end int64) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		l.mu.Lock()
		start := l.store.start()
		var blocks []*block
		var runs [][]byte
		for _, b := range l.store.blocks {
			if n := min(end, b.end()) - b.start; n > 0 {
				b.inHand++
				blocks, runs = append(blocks, b), append(runs, b.data[:n])
			}
		}
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, b := range blocks {
				l.letGo(b)
			}
		}()
		at := end
		for _, run := range slices.Backward(runs) {
			at -= int64(len(run))
			if !yield(at, run) {
				return
			}
		}
		if l.archive != nil {
			l.archived(min(start, end), yield)
		}
	}
}

// archived yields what the archive keeps before offset end, the newest first.
func (l *Log) archived(end int64, yield func(int64, []byte) bool) {
	const piece = 64 << 10
	for start := l.archive.Start(); end > start; {
		from := max(start, end-piece)
		var chunks []Chunk
		for at := from; at < end; {
			c, ok, err := l.archive.Read(at)
			if err != nil || !ok || c.Offset >= end {
				break
			}
			c.Data = c.Data[:min(int64(len(c.Data)), end-c.Offset)]
			chunks = append(chunks, c)
			at = c.Offset + int64(len(c.Data))
		}
		for i := len(chunks) - 1; i >= 0; i-- {
			if !yield(chunks[i].Offset, chunks[i].Data) {
				return
			}
		}
		end = from
	}
}
