package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// maxPolledEvents is how many events one longpoll answers with at most.
const maxPolledEvents = 1000

// watching is a request for events.
type watching struct {
	cursor  *manager.EventCursor
	since   uint64
	resumed bool     // since was given
	wait    pollWait // of which a feed has only the heartbeat
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request) error {
	vars := mux.Vars(r)
	var parts []string
	for _, name := range []string{"p1", "p2", "p3"} {
		if part, ok := vars[name]; ok {
			parts = append(parts, part)
		}
	}
	pattern, err := manager.ParsePattern(parts...)
	if err != nil {
		return err
	}
	v := visitorOf(r)
	if pattern.Audits() {
		if err := v.needs(tokens.Admin); err != nil {
			return err
		}
	}
	q := queryOf(r)
	feed := q.text("feed")
	unasked := time.Duration(noHeartbeat)
	if feed == feedEventsource {
		unasked = sseHeartbeat
	}
	events := s.manager.EventsFor(pattern)
	req := &watching{since: events.Last(), wait: q.pollWait(q.heartbeat(unasked))}
	if since, ok := sinceOf(r, q); ok {
		req.since, req.resumed = since, true
	}
	if q.err != nil {
		return q.err
	}
	done, err := s.lasting.hold(r)
	if err != nil {
		return err
	}
	defer done()
	if req.since > events.Last() {
		req.since = 0 // from another life of the daemon
	}
	// The seq after which this answer starts: a client whose connection breaks
	// before any event came resumes there.
	w.Header().Set("Gaffer-Seq", strconv.FormatUint(req.since, 10))
	req.cursor = events.Subscribe(pattern, req.since).Among(v.only())
	switch feed {
	case "", feedLongpoll:
		return s.watchLongpoll(w, r, req)
	case feedContinuous:
		s.watchFeed(w, r, req, "application/json", "\n", eventLine)
		return nil
	case feedEventsource:
		s.watchFeed(w, r, req, sseType, sseBeat, eventSSE)
		return nil
	}
	return badFeed(feed, feedLongpoll, feedContinuous, feedEventsource)
}

// sinceOf is the number of the last event that the client has seen. The header
// wins, as with streams.
func sinceOf(r *http.Request, q *query) (since uint64, ok bool) {
	name, text := "Last-Event-ID", r.Header.Get("Last-Event-ID")
	if text == "" {
		if !q.has("since") {
			return 0, false
		}
		name, text = "since", q.text("since")
	}
	since, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		q.wrong(name, text, "the seq of an event, which is a whole number from 0 up")
	}
	return since, true
}

// watchFeed sends each event as one write and one flush: gaffer's published
// client takes one chunk for one event.
func (s *Server) watchFeed(w http.ResponseWriter, r *http.Request, req *watching, contentType, beat string, encode func([]byte, manager.Event) []byte) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", contentType)
		return
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	f := s.startFeed(w, r, contentType)
	var buf []byte
	if missed := req.cursor.Missed(); missed > 0 { // told before there is anything else to tell
		req.since += missed
		f.send(encode(nil, manager.Gap(req.since, missed)))
	}
	for {
		ev, missed, err := req.cursor.Next(ctx, req.wait.heartbeat)
		if missed > 0 {
			f.send(encode(nil, manager.Gap(req.since+missed, missed)))
		}
		switch {
		case err == nil:
			buf = encode(buf[:0], ev)
			f.send(buf)
			req.since = ev.Seq
		case errors.Is(err, streams.ErrIdle):
			f.send([]byte(beat))
		case errors.Is(err, io.EOF):
			f.end()
			return
		default:
			f.breakOff(ctx)
		}
	}
}

// watchLongpoll answers with the next event, one object a line. A client that
// says what it has seen gets all that it has not.
func (s *Server) watchLongpoll(w http.ResponseWriter, r *http.Request, req *watching) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/json")
		return nil
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	if missed := req.cursor.Missed(); missed > 0 {
		req.since += missed
		body := eventLine(nil, manager.Gap(req.since, missed))
		if ev, more, err := req.cursor.Next(ctx, 1); err == nil {
			body = append(body, req.pending(ctx, ev, more)...)
		}
		return writeBody(w, http.StatusOK, "application/json", body)
	}
	var beats *feedWriter
	for {
		idle, last := req.wait.next()
		ev, missed, err := req.cursor.Next(ctx, idle)
		switch {
		case err == nil:
			body := req.pending(r.Context(), ev, missed)
			if beats == nil {
				return writeBody(w, http.StatusOK, "application/json", body)
			}
			beats.send(body)
			beats.end()
			return nil
		case errors.Is(err, streams.ErrIdle) && !last:
			if beats == nil {
				beats = s.startFeed(w, r, "application/json")
			}
			beats.send([]byte("\n"))
		case beats != nil && (last || errors.Is(err, io.EOF) || errors.Is(err, ErrReplaced)):
			beats.end()
			return nil
		case errors.Is(err, streams.ErrIdle), errors.Is(err, io.EOF), errors.Is(err, ErrReplaced):
			w.WriteHeader(http.StatusNoContent)
			return nil
		case beats != nil:
			panic(http.ErrAbortHandler)
		default:
			return err
		}
	}
}

// pending is an event and, for a client that resumes, those that are there
// behind it.
func (req *watching) pending(ctx context.Context, ev manager.Event, missed uint64) []byte {
	var body []byte
	for n := 1; ; n++ {
		if missed > 0 {
			body = eventLine(body, manager.Gap(req.since+missed, missed))
		}
		body = eventLine(body, ev)
		req.since = ev.Seq
		if !req.resumed || n == maxPolledEvents {
			return body
		}
		var err error
		if ev, missed, err = req.cursor.Next(ctx, 1); err != nil {
			return body
		}
	}
}

func eventLine(buf []byte, ev manager.Event) []byte {
	return append(append(buf, ev.JSON()...), '\n')
}

func eventSSE(buf []byte, ev manager.Event) []byte {
	e := sseEvent(buf)
	if ev.Missed > 0 {
		return e.gap(int64(ev.Seq), int64(ev.Missed))
	}
	return e.field("event", ev.Event).id(int64(ev.Seq)).data(ev.JSON()).end()
}
