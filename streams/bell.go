package streams

import (
	"sync"
	"sync/atomic"
)

// urgentBytes is how much a tapped Log may hold that its tap has not taken yet before
// the tap is told to hurry.
const urgentBytes = 256 << 10

// Bell tells those who follow many Logs at once that one of them has grown or
// ended. The zero value is ready; a nil Bell does nothing. It is safe for
// concurrent use.
type Bell struct {
	// Up is another Bell that is rung along: all logs of a daemon beside those
	// of an app. Set before the first use.
	Up *Bell

	armed  atomic.Bool // someone waits for rung
	hurry  atomic.Bool // someone waits for urgent
	mu     sync.Mutex  // guards everything below
	rung   chan struct{}
	urgent chan struct{}
}

// Wait returns a channel that is closed by the next Ring, and one that is closed
// when a Log with a tap (Log.Tap) holds a lot that is yet to be taken. Get them
// before looking at the logs, and nothing is overlooked.
func (b *Bell) Wait() (rung, urgent <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
		b.armed.Store(true)
	}
	if b.urgent == nil {
		b.urgent = make(chan struct{})
		b.hurry.Store(true)
	}
	return b.rung, b.urgent
}

// Ring wakes all who wait.
func (b *Bell) Ring() { b.ring(false) }

func (b *Bell) ring(urgent bool) {
	for ; b != nil; b = b.Up {
		if !b.armed.Load() && !(urgent && b.hurry.Load()) {
			continue
		}
		b.mu.Lock()
		if b.rung != nil {
			close(b.rung)
			b.rung = nil
			b.armed.Store(false)
		}
		if urgent && b.urgent != nil {
			close(b.urgent)
			b.urgent = nil
			b.hurry.Store(false)
		}
		b.mu.Unlock()
	}
}
