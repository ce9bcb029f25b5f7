package webhooks

import (
	"container/list"
	"encoding/json"
	"slices"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// How much one outbox holds. What is older gives way.
const (
	maxEvents = 10_000
	maxBytes  = 4 << 20
)

// entry is an event that is not delivered yet.
type entry struct {
	ID    string          `json:"id"`
	Event string          `json:"event"` // the name that it goes out under
	Lane  string          `json:"lane"`  // the process that it is about, "" for none
	Seq   uint64          `json:"seq"`
	Body  json.RawMessage `json:"body"`

	since   time.Time     // when this life of the daemon came to have it
	missed  uint64        // of a gap: how many events it stands for
	sending bool          // it is on its way
	place   *list.Element // in outbox.order; nil for a gap
}

// lane is what is to be delivered in order: the events of one process. It is in
// outbox.ready, in outbox.waiting, or its first entry is on its way.
type lane struct {
	name     string
	entries  []*entry // never empty
	attempts int      // that have failed in a row
	next     time.Time
}

// outbox is what one hook has to deliver, and in which order. It is a plain
// value: it knows neither the disk nor the clock.
type outbox struct {
	lanes   map[string]*lane
	order   list.List // of *entry, the oldest first
	ready   []*lane   // to be tried, the first one first
	waiting []*lane   // to be tried again, by when
	bytes   int
	gap     *entry // nil, or what stands for missed, in a lane like the others
	missed  uint64 // events that were dropped, and the receiver does not know
	lastSeq uint64 // of the last of them
}

func newOutbox() *outbox { return &outbox{lanes: map[string]*lane{}} }

// pending is how much is to be delivered.
func (o *outbox) pending() int { return o.order.Len() }

// add takes an entry in, and returns those that have to go for it.
func (o *outbox) add(e *entry) (dropped []*entry) {
	e.place = o.order.PushBack(e)
	o.bytes += len(e.Body)
	o.enqueue(e)
	for at := o.order.Front(); at != nil && (o.order.Len() > maxEvents || o.bytes > maxBytes); {
		oldest := at.Value.(*entry)
		at = at.Next()
		if !oldest.sending {
			o.drop(oldest)
			dropped = append(dropped, oldest)
		}
	}
	return dropped
}

func (o *outbox) enqueue(e *entry) {
	l := o.lanes[e.Lane]
	if l == nil {
		l = &lane{name: e.Lane}
		o.lanes[e.Lane] = l
		o.ready = append(o.ready, l)
	}
	l.entries = append(l.entries, e)
}

// miss notes that events are gone. They are told of as one.
func (o *outbox) miss(n, lastSeq uint64, now time.Time) {
	o.missed += n
	o.lastSeq = max(o.lastSeq, lastSeq)
	if o.gap == nil && o.missed > 0 {
		o.gap = &entry{Event: "gap", since: now}
		o.enqueue(o.gap)
	}
}

// take is what is to be sent now, if there is anything. It is to be settled with
// delivered or failed, or with putBack.
func (o *outbox) take(now time.Time) *entry {
	for len(o.waiting) > 0 && !o.waiting[0].next.After(now) {
		o.ready = append(o.ready, o.waiting[0])
		o.waiting = slices.Delete(o.waiting, 0, 1)
	}
	if len(o.ready) == 0 {
		return nil
	}
	l := o.ready[0]
	o.ready = slices.Delete(o.ready, 0, 1)
	e := l.entries[0]
	e.sending = true
	if e == o.gap {
		ev := manager.Gap(o.lastSeq, o.missed)
		e.missed, e.Seq, e.ID, e.Body = o.missed, o.lastSeq, entryID(now, o.lastSeq), ev.JSON()
	}
	return e
}

// due is when take will have something, if nothing happens before. ok is false
// if there is nothing to be tried again.
func (o *outbox) due() (at time.Time, ok bool) {
	if len(o.waiting) == 0 {
		return time.Time{}, false
	}
	return o.waiting[0].next, true
}

// delivered lets an entry go that has arrived.
func (o *outbox) delivered(e *entry, now time.Time) {
	l := o.lanes[e.Lane]
	l.attempts = 0
	o.remove(l, e)
	o.settle(l)
	if e == o.gap {
		o.gap = nil
		o.missed -= e.missed
		o.miss(0, o.lastSeq, now) // what went missing meanwhile
	}
}

// putBack lets an entry be taken again that was not tried to the end.
func (o *outbox) putBack(e *entry) {
	e.sending = false
	o.settle(o.lanes[e.Lane])
}

// failed keeps an entry, and all behind it in its lane, for another attempt.
func (o *outbox) failed(e *entry, next time.Time) {
	e.sending = false
	l := o.lanes[e.Lane]
	l.attempts++
	l.next = next
	i, _ := slices.BinarySearchFunc(o.waiting, l, func(a, b *lane) int { return a.next.Compare(b.next) })
	o.waiting = slices.Insert(o.waiting, i, l)
}

// attempts is how often the first entry of e's lane has failed.
func (o *outbox) attempts(e *entry) int { return o.lanes[e.Lane].attempts }

// expire drops what is there since before a time and not on its way.
func (o *outbox) expire(before time.Time) (dropped []*entry) {
	for at := o.order.Front(); at != nil; {
		e := at.Value.(*entry)
		if !e.since.Before(before) {
			break
		}
		at = at.Next()
		if !e.sending {
			o.drop(e)
			dropped = append(dropped, e)
		}
	}
	return dropped
}

// drop lets an entry go that is not on its way.
func (o *outbox) drop(e *entry) {
	l := o.lanes[e.Lane]
	first := l.entries[0] == e
	o.remove(l, e)
	if first {
		l.attempts = 0 // the next one has not failed yet
	}
	if len(l.entries) == 0 {
		same := func(other *lane) bool { return other == l }
		o.ready = slices.DeleteFunc(o.ready, same)
		o.waiting = slices.DeleteFunc(o.waiting, same)
		delete(o.lanes, l.name)
	}
}

func (o *outbox) remove(l *lane, e *entry) {
	i := slices.Index(l.entries, e)
	l.entries = slices.Delete(l.entries, i, i+1)
	if e.place != nil {
		o.order.Remove(e.place)
		o.bytes -= len(e.Body)
	}
}

// settle puts a lane whose first entry was on its way where it belongs.
func (o *outbox) settle(l *lane) {
	if len(l.entries) == 0 {
		delete(o.lanes, l.name)
		return
	}
	o.ready = append(o.ready, l)
}
