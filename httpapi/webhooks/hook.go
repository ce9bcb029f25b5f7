package webhooks

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gafferd/gaffer/manager"
)

const (
	maxSending = 4   // requests of one hook at a time
	maxBatch   = 256 // events that are taken over at once
)

// hook delivers the events of one pattern to one URL. Its goroutine, run, is the
// only one that changes the outbox and writes the journal.
type hook struct {
	id      string // set by newHook, never changed, like all up to the blank line
	wanted  Hook   // but for its secret
	shown   string // the URL without what is secret in it
	cursor  *manager.EventCursor
	sender  *sender
	journal *journal
	log     *slog.Logger
	cancel  context.CancelFunc // ends it at once
	pause   context.CancelFunc // has it take over nothing more, and end when nothing is on its way
	done    chan struct{}      // closed when it has ended

	mu          sync.Mutex // guards everything below
	secret      string
	inFile      bool // it is the configuration file's, which may change while it runs
	outbox      *outbox
	history     history
	streak      int       // processes whose events have failed since the last success
	told        bool      // the log knows that the receiver takes nothing
	pausedUntil time.Time // after many: nothing is tried before
}

// batch is what the cursor has come to.
type batch struct {
	events []manager.Event
	missed uint64
}

// result is how an attempt went.
type result struct {
	entry  *entry
	status int
	err    error
	began  time.Time
	took   time.Duration
}

// run delivers until ctx ends, or until the manager has shut down and what can
// be delivered now is. Once open has ended it begins nothing new.
func (h *hook) run(ctx, open context.Context) {
	defer close(h.done)
	batches := make(chan batch)
	results := make(chan result)
	var work sync.WaitGroup
	work.Go(func() { h.read(open, batches) })
	defer work.Wait()
	sending := 0
	for {
		next := h.begin(open, time.Now(), &sending, func(e *entry, secret string) {
			work.Go(func() { results <- h.attempt(ctx, e, secret) })
		})
		if batches == nil && sending == 0 {
			return // what is left waits for another attempt, in the next life
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case b, ok := <-batches:
			if ok {
				h.accept(b, time.Now())
			} else {
				batches = nil
			}
		case r := <-results:
			sending--
			h.settle(ctx, r, time.Now())
		case <-timer.C:
		case <-ctx.Done():
			for ; sending > 0; sending-- {
				h.settle(ctx, <-results, time.Now())
			}
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// read takes events from the cursor, several at once where there are. It closes
// the channel at the end.
func (h *hook) read(ctx context.Context, batches chan<- batch) {
	defer close(batches)
	for {
		ev, missed, err := h.cursor.Next(ctx, 0)
		if err != nil {
			return
		}
		b := batch{[]manager.Event{ev}, missed}
		for len(b.events) < maxBatch {
			if ev, missed, err = h.cursor.Next(ctx, 1); err != nil {
				break
			}
			b.events = append(b.events, ev)
			b.missed += missed
		}
		select {
		case batches <- b:
		case <-ctx.Done():
			return
		}
	}
}

// accept takes events into the outbox.
func (h *hook) accept(b batch, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b.missed > 0 {
		h.lose(b.missed, b.events[0].Seq-1, "more happened than could be taken over", now)
	}
	for _, ev := range b.events {
		e := &entry{ID: entryID(ev.Time, ev.Seq), Event: ev.Event, Lane: ev.Name, Seq: ev.Seq, Body: ev.JSON(), since: now}
		h.journal.add(e)
		h.forget(h.outbox.add(e), "too many wait to be delivered", now)
	}
	h.journal.flush(h.outbox)
}

// forget notes that entries were dropped. h.mu must be held.
func (h *hook) forget(dropped []*entry, why string, now time.Time) {
	if len(dropped) == 0 {
		return
	}
	last := uint64(0)
	for _, e := range dropped {
		h.journal.done(e)
		last = max(last, e.Seq)
	}
	h.lose(uint64(len(dropped)), last, why, now)
}

// lose counts events that will not be delivered, logs the first of them and then
// now and again, and has the receiver told. h.mu must be held.
func (h *hook) lose(n, lastSeq uint64, why string, now time.Time) {
	h.outbox.miss(n, lastSeq, now)
	h.journal.missed(h.outbox)
	if h.history.lose(n, now) {
		h.log.Warn("events are not delivered to a webhook", "webhook", h.id, "url", h.shown, "reason", why, "dropped_so_far", h.history.dropped)
	}
}

// begin sends what is to be sent now, as far as there is room, and says when to
// look again.
func (h *hook) begin(open context.Context, now time.Time, sending *int, send func(e *entry, secret string)) (next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if open.Err() != nil {
		return now.Add(time.Hour)
	}
	if h.pausedUntil.After(now) {
		return h.pausedUntil
	}
	room := maxSending
	if h.streak >= maxSending {
		room = 1 // it is dead, it seems: one is enough to find out
	}
	for *sending < room {
		e := h.outbox.take(now)
		if e == nil {
			break
		}
		*sending++
		send(e, h.secret)
	}
	if at, ok := h.outbox.due(); ok && *sending < room {
		return at
	}
	return now.Add(time.Hour)
}

func (h *hook) attempt(ctx context.Context, e *entry, secret string) result {
	began := time.Now()
	status, err := h.sender.send(ctx, h.wanted.URL, secret, e)
	return result{e, status, err, began, time.Since(began)}
}

// settle notes how an attempt went, and what follows from it.
func (h *hook) settle(ctx context.Context, r result, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.journal.flush(h.outbox)
	if r.err != nil && ctx.Err() != nil {
		h.outbox.putBack(r.entry) // it was broken off, and says nothing about the receiver
		return
	}
	attempt := h.outbox.attempts(r.entry) + 1
	if r.err == nil {
		if h.told {
			h.log.Info("a webhook's receiver takes events again", "webhook", h.id, "url", h.shown)
		}
		h.told, h.streak, h.pausedUntil = false, 0, time.Time{}
		h.outbox.delivered(r.entry, now)
		if r.entry.place != nil {
			h.journal.done(r.entry)
		} else {
			h.journal.missed(h.outbox)
		}
		h.history.delivered(r, attempt)
		return
	}
	h.history.failed(r, attempt)
	if attempt == 1 {
		h.streak++ // one event that is refused again and again says nothing about others
	}
	if !h.told && (attempt == 3 || h.streak == maxSending) {
		h.told = true
		h.log.Warn("a webhook's receiver does not take events; they wait", "webhook", h.id, "url", h.shown, "error", r.err)
	}
	pause := h.sender.timing.pause(attempt)
	if h.streak > maxSending {
		h.pausedUntil = now.Add(h.sender.timing.pause(h.streak - maxSending))
	}
	if refused, ok := errors.AsType[*refusal](r.err); ok && refused.retryAfter > pause {
		pause = refused.retryAfter
	}
	h.outbox.failed(r.entry, now.Add(pause))
	h.forget(h.outbox.expire(now.Add(-h.sender.timing.giveUp)), "its receiver has not taken them for too long", now)
}

// left is how many events were not delivered.
func (h *hook) left() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.outbox.pending()
}
