package streams

import (
	"context"
	"time"
)

// How long a writer waits for readers. The figures are part of what the package
// promises; docs/design.md tells how they came about.
const (
	// creditShare of a stream's time may be spent waiting for readers, and no
	// more than maxCredit of it can be saved up.
	creditShare = 0.10
	maxCredit   = 500 * time.Millisecond

	// maxPatience is how much waiting one reader may cause before it is let go.
	// What it takes meanwhile restores it, whole for a whole window.
	maxPatience = 100 * time.Millisecond

	// maxBurst is how long a wait that has brought much at once may go on for
	// nothing, at no cost: on a busy machine readers come in bursts.
	maxBurst = 50 * time.Millisecond

	// earnest is how many bytes a writer takes from a pipe in the time in which
	// one is delivered: through a socket, to a reader that does something with it.
	// Readers that keep the machine busy take so much less than the writer could.
	earnest = 4

	// easyShare of the largest window is what the window grows to without a wait.
	// The rest is for those who fall behind when the others do not.
	easyShare = 1.0 / 4

	// paceSlice is how often a waiting writer looks at what its wait brings.
	paceSlice = 10 * time.Millisecond
)

// flow is the flow control of one Log: how large its window is now, and for
// whom the writer still waits. Guarded by Log.mu.
//
// Child, daemon and readers often share the same few cores, so a child can
// always outrun readers that are doing nothing wrong. Waiting for them costs
// the child nothing while they take as many bytes, all together, as keep the
// machine busy: see earnest. Only the rest of a wait is charged: to the
// stream's credit, and once the window cannot grow any more to the patience with
// the readers that caused it, in equal shares. So any number of equal readers get
// a flood whole, and a slow one among them is soon waited for alone, uses up the
// patience with it and is let go.
type flow struct {
	limit   int64 // the window now
	resized int64 // the Log's end when that was set

	drained chan struct{} // not nil while the writer waits; gets one message when behind is 0
	barrier int64         // the end of the oldest blocks, which have to go
	behind  int           // cursors that are waited for and before barrier
	taken   int64         // bytes that all cursors together are done with

	burst    time.Duration // what the last slices were worth beyond their time
	credit   time.Duration
	credited time.Time // when credit was last brought up to date

	// The writer's own pace: bytes written and time not spent waiting,
	// both halved now and then so that the past fades.
	written int64
	busy    time.Duration
	resumed time.Time // when the last wait ended
	end     int64     // the Log's end then
}

// patience is what is left of the writer's patience with one cursor.
type patience struct {
	used   time.Duration
	gone   bool // let go: not waited for until it has caught up
	behind bool // counted in flow.behind
}

// Pace waits while the window is full of bytes that attached readers have yet
// to take. With Backpressure it waits for all of them without limit. Otherwise
// it waits for a bounded time for those that are making progress, lets the window
// grow when that is not enough, and in the end lets go whoever keeps it waiting;
// such a reader is told later how much it missed.
//
// It returns nil when there is room, the cause of ctx's end, or ErrClosed.
func (l *Log) Pace(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return ErrClosed
		}
		needs := l.store.needs()
		if l.store.size+needs <= l.flow.limit || len(l.store.blocks) == 0 {
			return nil
		}
		barrier := l.store.barrier(needs, l.flow.limit)
		slowest := l.stragglers(barrier)
		if l.flow.behind == 0 && l.tapped() >= barrier {
			l.shrink(slowest, needs)
			return nil
		}
		easy := l.flow.limit < int64(easyShare*float64(l.maxWindow))
		if (easy || l.flow.behind == 0) && l.widen() {
			continue
		}
		if l.flow.behind == 0 {
			return nil
		}
		cost, err := l.await(ctx)
		if err != nil {
			return err
		}
		switch {
		case !l.backpressure:
			l.charge(cost)
		case cost > 0:
			l.widen()
		}
	}
}

// widen lets the window grow, if it may. l.mu must be held.
func (l *Log) widen() bool {
	if l.flow.limit >= l.maxWindow || !l.memory.room(l.flow.limit) {
		return false
	}
	l.flow.limit = min(2*l.flow.limit, l.maxWindow)
	l.flow.resized = l.store.end
	return true
}

// stragglers counts the cursors before barrier that the writer still waits for,
// and returns the place of the last of all that have not been let go. l.mu must
// be held.
func (l *Log) stragglers(barrier int64) (slowest int64) {
	f := &l.flow
	f.barrier, f.behind = barrier, 0
	slowest = l.store.end
	for c := range l.cursors {
		c.patient.behind = false
		if !l.waitsFor(c) {
			continue
		}
		slowest = min(slowest, c.pos)
		if c.pos < f.barrier && c != l.tap {
			c.patient.behind = true
			f.behind++
		}
	}
	return slowest
}

// waitsFor reports whether c is not one that was let go. l.mu must be held.
func (l *Log) waitsFor(c *Cursor) bool { return l.backpressure || !c.patient.gone }

// shrink gives back half of a window that was written through since it got that
// size, when a quarter of it would do for its readers. Most floods come in
// bursts: they would have it grow again at once. l.mu must be held.
func (l *Log) shrink(slowest, needs int64) {
	f := &l.flow
	if f.limit > l.window && l.store.end-f.resized >= f.limit && slowest >= l.store.barrier(needs, f.limit/4) {
		f.limit = max(f.limit/2, l.window)
		f.resized = l.store.end
	}
}

// await waits until nobody is behind any more, or a slice of time has passed,
// and returns what that cost. l.mu must be held; it is given up meanwhile.
func (l *Log) await(ctx context.Context) (cost time.Duration, err error) {
	f := &l.flow
	now := time.Now()
	f.measure(now, l.store.end)
	taken := f.taken
	f.drained = make(chan struct{}, 1)
	drained := f.drained
	var slice <-chan time.Time
	if !l.backpressure || f.limit < l.maxWindow {
		t := time.NewTimer(paceSlice)
		defer t.Stop()
		slice = t.C
	}
	l.mu.Unlock()

	select {
	case <-drained:
	case <-slice:
	case <-l.done:
	case <-ctx.Done():
	}

	l.mu.Lock()
	f.drained = nil
	f.resumed, f.end = time.Now(), l.store.end
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	// A slice that took longer than it should is the busy machine's doing.
	waited := min(f.resumed.Sub(now), paceSlice)
	return waited - earnest*f.worth(f.taken-taken), nil
}

// charge takes cost from the stream's credit and lets the window grow for it. If it
// cannot, cost is also taken from the patience with those who are still behind, and a
// reader with whom it runs out is let go. l.mu must be held.
func (l *Log) charge(cost time.Duration) {
	f := &l.flow
	if f.credited.IsZero() {
		f.credit, f.credited = maxCredit, f.resumed
	}
	f.credit += time.Duration(creditShare * float64(f.resumed.Sub(f.credited)))
	f.credit = min(f.credit, maxCredit)
	f.credited = f.resumed
	if cost > 0 && l.widen() {
		f.credit -= cost
		return
	}
	f.burst -= cost
	cost = max(0, -f.burst)
	f.burst = min(max(0, f.burst), maxBurst)
	if cost == 0 {
		return
	}
	f.credit -= cost
	for c := range l.cursors {
		p := &c.patient
		if !p.behind {
			continue
		}
		p.used += cost / time.Duration(f.behind)
		if p.used > maxPatience || f.credit < 0 {
			p.gone = true
		}
	}
}

// took notes that the reader is done with the chunk in hand. l.mu must be held.
func (l *Log) took(c *Cursor) {
	n := c.next - c.pos
	c.pos = c.next
	c.putDown()
	l.flow.taken += n
	p := &c.patient
	p.used = max(0, p.used-time.Duration(float64(maxPatience)*float64(n)/float64(l.maxWindow)))
	if c.pos == l.store.end {
		p.used, p.gone = 0, false
	}
	l.pass(c)
}

// pass tells a waiting writer when c was the last one it waited for. l.mu must
// be held.
func (l *Log) pass(c *Cursor) {
	f := &l.flow
	if f.drained == nil || !c.patient.behind || c.pos < f.barrier {
		return
	}
	c.patient.behind = false
	if f.behind--; f.behind == 0 {
		f.drained <- struct{}{} // has room: sent once a wait
	}
}

// measure adds what was written since the last wait to the writer's pace.
func (f *flow) measure(now time.Time, end int64) {
	if !f.resumed.IsZero() {
		f.written += end - f.end
		f.busy += now.Sub(f.resumed)
	}
	if f.busy > time.Second {
		f.written /= 2
		f.busy /= 2
	}
}

// worth is how long the writer would have taken to write n bytes.
func (f *flow) worth(n int64) time.Duration {
	if f.written == 0 {
		return 0
	}
	return time.Duration(float64(n) / float64(f.written) * float64(f.busy))
}
