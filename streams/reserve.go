package streams

import (
	"math"
	"time"
)

// everybody is more readers than there will ever be.
const everybody = math.MaxInt32

// Reserve keeps what there is and what is written for the first reader to come, as
// if it was attached at the oldest byte already, for as long as d. It is for a Log
// with Backpressure that somebody is about to subscribe to, and takes the place of
// a Reserve before.
func (l *Log) Reserve(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserve(max(l.awaited, 1), d)
}

// ReserveAgain is Reserve for the readers that an earlier program had of a Log that was
// restored: until as many are attached as there were then. If nothing had been read of
// the stream nobody knows how many those were, so it is kept for all who come within d.
func (l *Log) ReserveAgain(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	readers := l.awaited
	if l.store.end == 0 {
		readers = everybody
	}
	l.reserve(readers, d)
}

// reserve is Reserve for that many readers. l.mu must be held.
func (l *Log) reserve(readers int, d time.Duration) {
	before := l.reserved
	at := l.store.start()
	c := &Cursor{log: l, pos: at, next: at}
	l.attach(c)
	l.reserved, l.awaited = c, readers
	if before != nil {
		l.remove(before)
	}
	l.count(0)
	time.AfterFunc(d, c.Close)
}

// HoldBack has the writer wait as if the readers that are attached now stayed where
// they are. It is for a program whose readers are about to leave it, because
// another one goes on with the stream, and for a Log with Backpressure.
func (l *Log) HoldBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heldBack = true
	var slowest *Cursor
	for c := range l.cursors {
		if c != l.tap && (slowest == nil || c.pos < slowest.pos) {
			slowest = c
		}
	}
	if slowest != nil {
		l.attach(&Cursor{log: l, pos: slowest.pos, next: slowest.pos})
	}
}

// Attend counts a reader who has no Cursor of his own but a share of one that is
// attached (NewSharedLines), until leave is called, which must be done once. Whoever
// has subscribed is counted already.
func (l *Log) Attend() (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(1)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count(-1)
	}
}

// count notes that there are n readers more, which may be all that Reserve has
// waited for, and has the Backing tell a program to come how many it has to wait
// for. l.mu must be held.
func (l *Log) count(n int) {
	l.readers += n
	if l.reserved != nil && l.readers >= l.awaited {
		l.remove(l.reserved) // comes back here
		return
	}
	if l.backing != nil && l.backpressure && !l.closed {
		l.backing.tell(max(l.readers, l.awaited), l.heldBack)
	}
}
