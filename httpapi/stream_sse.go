package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// burst is how many of the events that are there at once get a chunk each. gaffer's
// published client takes a chunk for an event; a stream that has more to say is a
// flood, in which events travel together.
const burst = 64

// eventsource sends a stream as server-sent events, a line each, or with
// encoding=base64 a chunk each. An event's id is the offset behind it.
func (s *Server) eventsource(w http.ResponseWriter, r *http.Request, req *reading) error {
	heartbeat := req.heartbeat(sseHeartbeat)
	exact := false
	switch encoding := req.text("encoding"); encoding {
	case "", "utf-8", "utf8":
	case "base64":
		exact = true
	default:
		req.wrong("encoding", encoding, "base64, or leave it out for lines of text")
	}
	if req.err != nil {
		return req.err
	}
	start := req.place.in(req.log)
	if finished(r, req.log, start) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if oldest := req.log.Start(); req.place.given && start < oldest {
		setMissed(w.Header(), oldest-start)
	}
	var next *events
	if exact {
		next = chunkEvents(req, start)
	} else {
		next = lineEvents(req, start)
		req.attend()
	}
	defer next.close()
	setOffset(w.Header(), max(next.offset, req.log.Start()))
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", sseType)
		return nil
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	d := newDirect(w, r)
	announceClose(w, r, d, req.log)
	f := s.startFeed(w, r, sseType)
	f.direct = d
	f.sit = sitter(w, r, d, req, heartbeat)
	s.sendEvents(f, ctx, next, heartbeat)
	return nil
}

// finished says whether an EventSource that has read a stream to its end has
// come again. 204 is the only answer that makes it stop.
func finished(r *http.Request, l *streams.Log, start int64) bool {
	if r.Header.Get("Last-Event-ID") == "" || start < l.End() {
		return false
	}
	select {
	case <-l.Done():
		return start >= l.End()
	default:
		return false
	}
}

// events is where the events of a stream come from. The errors are those of streams.
type events struct {
	poll   func(e sseEvent) (sseEvent, error) // appends the next event to e; ErrIdle: there is none now
	rest   func(e sseEvent) sseEvent          // appends those behind it that are at hand, until there is a batch; nil: none is
	wait   func(ctx context.Context, deadline time.Time) error
	place  func() (offset int64, open bool) // as streams.Lines.Place; nil: it has none
	clone  func() *events                   // is another of the same place; nil with place
	close  func()
	offset int64 // where the first one begins, if nothing is missed
	buf    sseEvent
}

// attend counts the reader for as long as the request lasts: also when he is seated
// in an audience, which reads for him.
func (req *reading) attend() {
	leave, done := req.log.Attend(), req.done
	req.done = func() {
		leave()
		done()
	}
}

// lineEvents are those of lines from start on.
func lineEvents(req *reading, start int64) *events {
	if start == streams.Latest {
		start = req.log.End()
	}
	e := eventsOf(streams.NewSharedLines(req.log, start), req.label)
	e.offset = min(start, req.log.End())
	return e
}

func eventsOf(lines *streams.Lines, label string) *events {
	head := string(sseEvent(nil).field("event", label)) + "id: "
	var end time.Time // of waiting for the rest of a line; zero: there is none to wait for
	return &events{
		poll: func(e sseEvent) (sseEvent, error) {
			line, hold, err := lines.Poll()
			if end = (time.Time{}); hold > 0 {
				end = time.Now().Add(hold)
			}
			switch {
			case err != nil:
				return e, err
			case line.Missed > 0:
				return e.gap(line.End, line.Missed), nil
			case line.Continuation && !line.Partial && len(line.Text) == 0:
				return e.id(line.End).end(), nil // only the end of a line that was sent: no event, but a place to resume
			}
			return e.line(head, line.End, line.Text), nil
		},
		rest: func(e sseEvent) sseEvent {
			e, n := e.lines(head, lines.Ahead())
			lines.Skip(n)
			return e
		},
		wait: func(ctx context.Context, deadline time.Time) error {
			var hold time.Duration
			if !end.IsZero() {
				hold = max(time.Until(end), 1)
			}
			return lines.Wait(ctx, hold, deadline)
		},
		place: lines.Place,
		clone: func() *events { return eventsOf(lines.Clone(), label) },
		close: lines.Close,
	}
}

func chunkEvents(req *reading, start int64) *events {
	cursor := req.log.Subscribe(start)
	return &events{
		poll: func(e sseEvent) (sseEvent, error) {
			chunk, err := cursor.Poll()
			if chunk.Missed > 0 {
				e = e.gap(chunk.Offset, chunk.Missed)
			}
			if len(chunk.Data) > 0 {
				e = e.field("event", req.label).id(chunk.Offset + int64(len(chunk.Data))).base64(chunk.Data).end()
			}
			return e, err
		},
		wait: func(ctx context.Context, deadline time.Time) error {
			idle := time.Duration(0)
			if !deadline.IsZero() {
				idle = max(time.Until(deadline), 1)
			}
			if err := req.log.Wait(ctx, cursor.Offset(), idle); err != io.EOF {
				return err
			}
			return nil
		},
		close:  cursor.Close,
		offset: cursor.Offset(),
	}
}

// sendEvents sends events until there are no more. seated says that the rest is an
// audience's to send.
func (s *Server) sendEvents(f *feedWriter, ctx context.Context, from *events, heartbeat time.Duration) (seated bool) {
	var beat time.Time // when one is due; zero: not known since something was sent
	for {
		sent, err := from.sendReady(f)
		if errors.Is(err, io.EOF) {
			f.end()
			return false
		}
		if f.sit != nil && f.sit(from) {
			return true
		}
		if heartbeat > 0 && (sent || beat.IsZero()) {
			beat = time.Now().Add(heartbeat)
		}
		switch err := from.wait(ctx, beat); {
		case err == nil:
		case errors.Is(err, streams.ErrIdle):
			f.send([]byte(sseBeat))
			beat = time.Time{}
		default:
			f.breakOff(ctx)
		}
	}
}

// sendReady sends the events that are there: with one write, or a batch with each.
// The error is ErrIdle or io.EOF.
func (from *events) sendReady(f *feedWriter) (sent bool, err error) {
	err = from.chunks(func(e sseEvent) bool {
		if sent = true; len(e) >= batch {
			f.send(e)
		} else {
			f.put(e)
		}
		return true
	})
	f.send(nil)
	return sent, err
}

// chunks calls take with the events that are there, as chunks: each of the first ones is
// a chunk, and after those each batch is. It ends when take says so, without an error,
// or with ErrIdle or io.EOF when there are no more.
func (from *events) chunks(take func(e sseEvent) (more bool)) (err error) {
	e := from.buf
	for row, more := 0, true; more; row++ {
		if row >= burst {
			e = roomy(e)
		}
		if e, err = from.poll(e); err != nil {
			break
		}
		if row >= burst && from.rest != nil {
			e = from.rest(e)
		}
		if row < burst || len(e) >= batch {
			more = take(e)
			e = e[:0]
		}
	}
	if len(e) > 0 {
		take(e)
	}
	from.buf = reuse(e)
	return err
}
