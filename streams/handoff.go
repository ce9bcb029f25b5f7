package streams

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// maxHandoffs is how many readers the writer may serve itself. Beyond that it is faster
// to let them use more than one core, unless there are only two: one of these is taken
// by the program whose output they read.
var maxHandoffs = func() int {
	if runtime.GOMAXPROCS(0) <= 2 {
		return 128
	}
	return 16
}()

// handoff is a reader that waits and has the writer hand it what comes meanwhile.
type handoff struct {
	cursor *Cursor
	accept func(Chunk) bool
	woken  chan struct{} // closed when the reader has to go on itself

	left    Chunk // what was not accepted
	hasLeft bool
}

// NextUnless is Next but for what comes while it waits: while few Cursors are attached,
// the writer calls accept with it, and only what accept refuses, and what follows, is
// returned. This saves waking a goroutine for each write, which often costs as much as
// the write to the socket. The time of idle runs on meanwhile.
//
// accept is called in the writer's goroutine, with the Log locked: it must not wait
// for anything, or call the Log or its Cursors. It is not called once NextUnless
// has returned.
func (c *Cursor) NextUnless(ctx context.Context, idle time.Duration, accept func(Chunk) bool) (Chunk, error) {
	w := waiter{idle: idle}
	defer w.stop()
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took(c)
	for {
		if chunk, ok := c.take(); ok {
			return chunk, nil
		}
		if accept == nil || l.closed || !l.few() {
			if err := l.wait(ctx, &w); err != nil {
				return Chunk{}, err
			}
			continue
		}
		h := &handoff{cursor: c, accept: accept, woken: make(chan struct{})}
		l.handoffs = append(l.handoffs, h)
		err := l.waitFor(ctx, &w, h.woken)
		if i := slices.Index(l.handoffs, h); i >= 0 {
			l.handoffs = slices.Delete(l.handoffs, i, i+1)
		}
		if h.hasLeft {
			return h.left, nil
		}
		if err != nil {
			return Chunk{}, err
		}
	}
}

// few reports whether there are few enough readers for the writer to serve. The one
// that it never waits for does not count. l.mu must be held.
func (l *Log) few() bool {
	n := len(l.cursors)
	if l.tap != nil {
		n--
	}
	return n <= maxHandoffs
}

// hand hands over what there is, and reports whether the reader can go on waiting.
// The Log's mutex must be held.
func (h *handoff) hand() bool {
	c, l := h.cursor, h.cursor.log
	if _, attached := l.cursors[c]; !attached || !l.few() || c.next < l.store.start() {
		return false
	}
	for c.next < l.store.end {
		chunk, ok := c.take()
		if !ok {
			return false
		}
		if !h.accept(chunk) {
			h.left, h.hasLeft = chunk, true
			return false
		}
		l.took(c)
	}
	return true
}
