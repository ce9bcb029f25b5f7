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
	next := lineEvents(req, start)
	if exact {
		next = chunkEvents(req, start)
	}
	defer next.close()
	setOffset(w.Header(), max(next.offset, req.log.Start()))
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", sseType)
		return nil
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	f := s.startFeed(w, sseType)
	f.direct = newDirect(w, r)
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

// events is where the events of a stream come from. Each function but close appends
// to e; the errors are those of streams.
type events struct {
	next   func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error)
	poll   func(e sseEvent) (sseEvent, error) // next without waiting
	rest   func(e sseEvent) sseEvent          // those that are at hand, until there is a batch; nil: none is
	close  func()
	offset int64 // where the first one begins, if nothing is missed
}

func lineEvents(req *reading, start int64) events {
	if start == streams.Latest {
		start = req.log.End()
	}
	lines := streams.NewLines(req.log, start)
	head := string(sseEvent(nil).field("event", req.label)) + "id: "
	add := func(e sseEvent, line *streams.Line) sseEvent {
		switch {
		case line.Missed > 0:
			return e.gap(line.End, line.Missed)
		case line.Continuation && !line.Partial && len(line.Text) == 0:
			return e.id(line.End).end() // only the end of a line that was sent: no event, but a place to resume
		}
		return e.line(head, line.End, line.Text)
	}
	return events{
		next: func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error) {
			line, err := lines.Next(ctx, idle)
			if err != nil {
				return e, err
			}
			return add(e, &line), nil
		},
		poll: func(e sseEvent) (sseEvent, error) {
			line, _, err := lines.Poll()
			if err != nil {
				return e, err
			}
			return add(e, &line), nil
		},
		rest: func(e sseEvent) sseEvent {
			run := lines.Ahead()
			e, n := e.lines(head, run)
			lines.Skip(n)
			return e
		},
		close:  lines.Close,
		offset: min(start, req.log.End()),
	}
}

func chunkEvents(req *reading, start int64) events {
	cursor := req.log.Subscribe(start)
	add := func(e sseEvent, chunk *streams.Chunk) sseEvent {
		if chunk.Missed > 0 {
			e = e.gap(chunk.Offset, chunk.Missed)
		}
		if len(chunk.Data) > 0 {
			e = e.field("event", req.label).id(chunk.Offset + int64(len(chunk.Data))).base64(chunk.Data).end()
		}
		return e
	}
	return events{
		next: func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error) {
			chunk, err := cursor.Next(ctx, idle)
			return add(e, &chunk), err
		},
		poll: func(e sseEvent) (sseEvent, error) {
			chunk, err := cursor.Poll()
			return add(e, &chunk), err
		},
		close:  cursor.Close,
		offset: cursor.Offset(),
	}
}

// sendEvents sends events until there are no more: what is there at once with one
// write, or a batch with each.
func (s *Server) sendEvents(f *feedWriter, ctx context.Context, from events, heartbeat time.Duration) {
	var e sseEvent
	for {
		var err error
		if e, err = from.next(ctx, heartbeat, e); errors.Is(err, streams.ErrIdle) {
			f.send([]byte(sseBeat))
			continue
		}
		for row := 1; err == nil; row++ {
			if row <= burst {
				f.put(e)
				e = e[:0]
			} else if from.rest != nil {
				e = from.rest(e)
			}
			if len(e) >= batch {
				f.send(e)
				e = e[:0]
			}
			if row >= burst {
				e = roomy(e)
			}
			e, err = from.poll(e)
		}
		f.send(e)
		e = reuse(e)
		switch {
		case errors.Is(err, streams.ErrIdle):
		case errors.Is(err, io.EOF):
			f.end()
			return
		default:
			f.breakOff(ctx)
		}
	}
}
