package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/streams"
)

// place is where a reader of a stream wants to start.
type place struct {
	given  bool  // else only what is new
	offset int64 // unless tail
	tail   int   // lines back from the end, if not negative
}

// placeOf reads since, Last-Event-ID and tail. The header wins: a browser that
// comes again asks for the same URL and says there how far it got.
func placeOf(r *http.Request, q *query) place {
	p := place{tail: -1}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		offset, err := strconv.ParseInt(last, 10, 64)
		if err != nil || offset < 0 {
			q.wrong("Last-Event-ID", last, "an offset, which is a whole number from 0 up")
		}
		p.given, p.offset = true, offset
		return p
	}
	offset, since := q.count("since")
	lines, tail := q.count("tail")
	switch {
	case since && tail:
		q.wrong("tail", q.text("tail"), "either since or tail")
	case since:
		p.given, p.offset = true, offset
	case tail:
		p.given, p.tail = true, int(min(lines, 1<<30))
	}
	return p
}

// in is the place's offset in l.
func (p place) in(l *streams.Log) int64 {
	switch {
	case !p.given:
		return streams.Latest
	case p.tail >= 0:
		return l.TailLines(p.tail)
	}
	return p.offset
}

// reading is a request for a stream: what the three feeds have in common.
type reading struct {
	*query
	pid   int
	label string
	log   *streams.Log
	place place
	done  func() // says that it lasts no more
}

func (s *Server) readStream(w http.ResponseWriter, r *http.Request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	label := mux.Vars(r)["stream"]
	q := queryOf(r)
	feed, place := q.text("feed"), placeOf(r, q)
	if q.err != nil {
		return q.err
	}
	log, err := s.manager.Log(pid, label)
	if err != nil {
		s.polls.drop(pid, s.gone)
		return err
	}
	done, err := s.lasting.hold(r)
	if err != nil {
		return err
	}
	req := &reading{query: q, pid: pid, label: label, log: log, place: place, done: done}
	defer func() { req.done() }()
	switch feed {
	case "", feedLongpoll:
		return s.longpoll(w, r, req)
	case feedContinuous:
		return s.continuous(w, r, req)
	case feedEventsource:
		return s.eventsource(w, r, req)
	}
	return badFeed(feed, feedLongpoll, feedContinuous, feedEventsource)
}

func badFeed(got string, want ...string) error {
	return fmt.Errorf("%w: %q; the feeds are %s", errBadFeed, shorten(got), strings.Join(want, ", "))
}

// setOffset says in the header where the next byte to come stands. For a
// longpoll that is behind its answer, for the other feeds before their first
// byte.
func setOffset(h http.Header, offset int64) {
	h.Set("Gaffer-Offset", strconv.FormatInt(offset, 10))
}

// setMissed says in the header how many of the bytes asked for are gone.
func setMissed(h http.Header, missed int64) {
	if missed > 0 {
		h.Set("Gaffer-Missed", strconv.FormatInt(missed, 10))
	}
}

// seconds of silence after which the feeds send a heartbeat if not asked.
const (
	noHeartbeat  = 0
	sseHeartbeat = 15 * time.Second
)
