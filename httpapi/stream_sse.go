package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gafferd/gaffer/streams"
)

const (
	// burst is how many events in a row are flushed one by one. gaffer's
	// published client takes a chunk for an event; a stream that has more to say
	// at once is a flood, in which events travel together.
	burst = 64

	// pause is how long a reader waited for an event that is not in a row with
	// the one before.
	pause = 5 * time.Millisecond
)

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

// events is where the events of a stream come from.
type events struct {
	// next appends the next event to e. The errors are those of streams.
	next   func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error)
	close  func()
	offset int64 // where the first one begins, if nothing is missed
}

func lineEvents(req *reading, start int64) events {
	if start == streams.Latest {
		start = req.log.End()
	}
	lines := streams.NewLines(req.log, start)
	next := func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error) {
		line, err := lines.Next(ctx, idle)
		switch {
		case err != nil:
			return e, err
		case line.Missed > 0:
			return e.gap(line.End, line.Missed), nil
		case line.Continuation && !line.Partial && len(line.Text) == 0:
			return e.id(line.End).end(), nil // only the end of a line that was sent: no event, but a place to resume
		}
		return e.field("event", req.label).id(line.End).data(line.Text).end(), nil
	}
	return events{next, lines.Close, min(start, req.log.End())}
}

func chunkEvents(req *reading, start int64) events {
	cursor := req.log.Subscribe(start)
	next := func(ctx context.Context, idle time.Duration, e sseEvent) (sseEvent, error) {
		chunk, err := cursor.Next(ctx, idle)
		if err != nil {
			return e, err
		}
		if chunk.Missed > 0 {
			e = e.gap(chunk.Offset, chunk.Missed)
		}
		if len(chunk.Data) > 0 {
			e = e.field("event", req.label).id(chunk.Offset + int64(len(chunk.Data))).base64(chunk.Data).end()
		}
		return e, nil
	}
	return events{next, cursor.Close, cursor.Offset()}
}

// sendEvents sends events until there are no more.
func (s *Server) sendEvents(f *feedWriter, ctx context.Context, from events, heartbeat time.Duration) {
	var e sseEvent
	for row := 1; ; row++ {
		idle := heartbeat
		if len(e) > 0 {
			idle = 1 // what is there already, and no waiting
		}
		var asked time.Time
		if row <= burst { // else nobody will want to know
			asked = time.Now()
		} else {
			e = roomy(e)
		}
		var err error
		e, err = from.next(ctx, idle, e)
		switch {
		case err == nil && row > burst && len(e) < batch:
			continue
		case err == nil && row > burst:
			f.send(e)
			e = e[:0]
			continue
		case len(e) > 0:
			f.send(e)
			e = reuse(e)
		case errors.Is(err, streams.ErrIdle):
			f.send([]byte(sseBeat))
		}
		switch {
		case err == nil && time.Since(asked) < pause:
			continue
		case err == nil, errors.Is(err, streams.ErrIdle):
			row = 0
		case errors.Is(err, io.EOF):
			f.end()
			return
		default:
			f.breakOff(ctx)
		}
	}
}
