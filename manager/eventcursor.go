package manager

import (
	"context"
	"io"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// EventCursor is a subscriber: a place among the events and a wish. It is for
// one goroutine, and is dropped without closing.
type EventCursor struct {
	events  *Events
	pattern Pattern
	only    func(name string) bool // nil: all
	after   uint64                 // the number of the last event seen
	missed  uint64                 // how many were gone before they were seen, not yet told
}

// Among leaves out what is not about a process whose name that is true of. It is
// called before the first Next; only must not ask the manager anything.
func (c *EventCursor) Among(only func(name string) bool) *EventCursor {
	c.only = only
	return c
}

// Missed moves over the events that are no longer kept and says how many those are, wanted
// or not, without waiting for an event that is. Next does not tell of them again.
func (c *EventCursor) Missed() (missed uint64) {
	e := c.events
	e.mu.Lock()
	defer e.mu.Unlock()
	c.after, missed = e.kept(c.after)
	missed += c.missed
	c.missed = 0
	return missed
}

// Next waits for the next event that is wanted. missed tells of events between
// the last one and this that are no longer kept, wanted or not.
//
// The error is streams.ErrIdle after idle without one (idle <= 0: no limit),
// io.EOF when the manager has shut down and all is read, or ctx's cause.
func (c *EventCursor) Next(ctx context.Context, idle time.Duration) (ev Event, missed uint64, err error) {
	var timeout <-chan time.Time
	if idle > 0 {
		timer := time.NewTimer(idle)
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		ev, found, changed := c.look()
		if found {
			missed, c.missed = c.missed, 0
			return ev, missed, nil
		}
		if changed == nil {
			return Event{}, 0, io.EOF
		}
		select {
		case <-changed:
		case <-timeout:
			return Event{}, 0, streams.ErrIdle
		case <-ctx.Done():
			return Event{}, 0, context.Cause(ctx)
		}
	}
}

// look moves over what there is up to the next event that is wanted. If there
// is none, changed is closed when there may be, or nil when there never will.
func (c *EventCursor) look() (ev Event, found bool, changed <-chan struct{}) {
	e := c.events
	e.mu.Lock()
	defer e.mu.Unlock()
	ev, found, last, missed := e.next(c.pattern, c.only, c.after)
	c.after = last
	c.missed += missed
	if found || e.closed {
		return ev, found, nil
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return ev, false, e.changed
}
