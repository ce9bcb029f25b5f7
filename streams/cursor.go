package streams

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Errors of this package. The end of a Log is io.EOF.
var (
	ErrIdle   = errors.New("streams: nothing new within the time given")
	ErrClosed = errors.New("streams: log is closed")
)

// Chunk is a run of bytes of a Log.
type Chunk struct {
	Offset int64  // of Data's first byte
	Data   []byte // must not be modified; valid until the Cursor is asked for more
	Missed int64  // bytes before Offset that were due but no longer kept
	Marks  []Mark // of the writes that Data came with, likewise; the first may begin before Offset
}

// Cursor is a reader's place in a Log. It is attached: while it keeps up, a
// flooding writer waits for it (see Log.Pace).
//
// A Cursor belongs to one goroutine. Another may call Close, once that one is done with
// the chunk in hand.
type Cursor struct {
	log     *Log
	counted bool // among the Log's readers

	// Guarded by log.mu.
	pos     int64  // all before it is done with
	next    int64  // end of the chunk in hand
	inHand  *block // what the chunk in hand is a part of; nil: the archive, or there is none
	patient patience
}

// Subscribe attaches a Cursor at offset: Latest is the end, 0 the oldest byte.
// An offset beyond the end is the end. The Cursor must be closed.
func (l *Log) Subscribe(offset int64) *Cursor { return l.subscribe(offset, true) }

func (l *Log) subscribe(offset int64, counted bool) *Cursor {
	c := l.at(offset)
	c.counted = counted
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(c)
	return c
}

// attach makes the writer know of c. l.mu must be held.
func (l *Log) attach(c *Cursor) {
	if l.cursors == nil {
		l.cursors = make(map[*Cursor]struct{})
	}
	l.cursors[c] = struct{}{}
	if c.counted {
		l.count(1)
	}
}

// at is a Cursor that is not attached.
func (l *Log) at(offset int64) *Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < 0 || offset > l.store.end {
		offset = l.store.end
	}
	return &Cursor{log: l, pos: offset, next: offset}
}

// Close detaches the Cursor. The last one of a retired Log takes the bytes along.
// Closing again does nothing.
func (c *Cursor) Close() {
	l := c.log
	l.mu.Lock()
	if _, ok := l.cursors[c]; !ok {
		l.mu.Unlock()
		return
	}
	l.remove(c)
	last := l.retired && len(l.cursors) == 0
	freed := l.settle()
	l.mu.Unlock()
	l.memory.account(-freed)
	if last {
		l.Discard()
	}
}

// remove undoes attach. l.mu must be held.
func (l *Log) remove(c *Cursor) {
	delete(l.cursors, c)
	c.putDown()
	c.pos, c.next = l.store.end, l.store.end
	l.pass(c) // a writer need not wait for it
	if l.closed && len(l.cursors) == 0 {
		l.flow.limit = l.window
		l.trim()
	}
	switch {
	case c.counted:
		l.count(-1)
	case c == l.tap:
		l.tap = nil
	case c == l.reserved:
		l.reserved, l.awaited = nil, 0
		l.count(0)
	}
}

// Offset is where the next chunk begins, if nothing is missed.
func (c *Cursor) Offset() int64 {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return c.next
}

// Next returns what follows the previous chunk, as much as lies together in
// memory, waiting for it if need be. By asking, the reader says that it is done
// with the previous chunk.
//
// A Chunk with Missed and no Data tells of a loss at the very end. The error is
// io.EOF at the end of a closed Log, ErrIdle after waiting for idle (0 or less:
// for ever), or the cause of ctx's end.
func (c *Cursor) Next(ctx context.Context, idle time.Duration) (Chunk, error) {
	return c.NextUnless(ctx, idle, nil)
}

// Poll is Next without waiting: it returns ErrIdle when there is nothing now.
func (c *Cursor) Poll() (Chunk, error) {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took(c)
	chunk, ok := c.take()
	switch {
	case ok:
		return chunk, nil
	case l.closed:
		return Chunk{}, io.EOF
	}
	return Chunk{}, ErrIdle
}

// All yields every chunk from here on and ends with the Log or with ctx. Other
// ends than io.EOF are yielded as an error.
func (c *Cursor) All(ctx context.Context) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		for {
			chunk, err := c.Next(ctx, 0)
			if err == io.EOF || !yield(chunk, err) || err != nil {
				return
			}
		}
	}
}

// take moves to the next chunk if there is one. l.mu must be held; it may be
// given up meanwhile.
func (c *Cursor) take() (Chunk, bool) {
	if chunk, ok := c.log.recall(c); ok {
		return chunk, true
	}
	s := &c.log.store
	var missed int64
	if start := s.start(); c.next < start {
		missed = start - c.next
		c.pos, c.next = start, start
	}
	data, marks, from := s.at(c.next)
	chunk := Chunk{Offset: c.next, Data: data, Missed: missed, Marks: marks}
	c.next += int64(len(data))
	if from != nil {
		from.inHand++
		c.inHand = from
	}
	return chunk, from != nil || missed > 0
}

// putDown says that the reader is done with the chunk in hand. c.log.mu must be
// held.
func (c *Cursor) putDown() {
	if c.inHand != nil {
		c.log.letGo(c.inHand)
		c.inHand = nil
	}
}

// release is putDown, for a Cursor that is not attached.
func (c *Cursor) release() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.putDown()
}

// waiter is the wait of one call: its idle time runs from the first wait on.
type waiter struct {
	idle  time.Duration
	timer *time.Timer
}

func (w *waiter) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// wait waits for the Log to change. It gives up l.mu, which must be held, while
// it does.
func (l *Log) wait(ctx context.Context, w *waiter) error {
	if l.closed {
		return io.EOF
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.waitFor(ctx, w, l.grown)
}

// waitFor is wait for changed to be closed.
func (l *Log) waitFor(ctx context.Context, w *waiter, changed <-chan struct{}) error {
	l.mu.Unlock()
	defer l.mu.Lock()

	var idle <-chan time.Time
	if w.idle > 0 {
		if w.timer == nil {
			w.timer = time.NewTimer(w.idle)
		}
		idle = w.timer.C
	}
	select {
	case <-changed:
		return nil
	case <-idle:
		return ErrIdle
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
