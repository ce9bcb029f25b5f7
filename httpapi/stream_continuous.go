package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// continuous sends the bytes of a stream as the process wrote them, until it
// ends. There is no room among them for word of a gap: the response is broken
// off then, unless the client asked to skip it.
func (s *Server) continuous(w http.ResponseWriter, r *http.Request, req *reading) error {
	heartbeat := req.heartbeat(noHeartbeat)
	skip := req.text("gap") == "skip"
	if req.err != nil {
		return req.err
	}
	log := req.log
	cursor := log.Subscribe(req.place.in(log))
	feed := &continuousFeed{cursor: cursor, heartbeat: heartbeat, skip: skip}
	done := cursor.Close
	defer func() { done() }()

	// What was asked for and is gone already is told in the header.
	var first streams.Chunk
	start := cursor.Offset()
	if start < log.Start() {
		var err error
		if first, err = cursor.Next(r.Context(), 0); err != nil {
			return err
		}
		start = first.Offset
	}
	setOffset(w.Header(), start)
	setMissed(w.Header(), first.Missed)
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", streamType)
		return nil
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	d := newDirect(w, r)
	announceClose(w, r, d, log)
	f := s.startFeed(w, r, streamType)
	f.direct = d
	if len(first.Data) > 0 {
		f.send(first.Data)
	}
	for {
		chunk, err := cursor.Poll()
		if errors.Is(err, streams.ErrIdle) {
			break
		}
		if !feed.take(f, ctx, chunk, err) {
			return nil
		}
	}
	if walkOut(w, r, d, req, feed.serve) {
		done = func() {}
		return nil
	}
	feed.send(f, ctx)
	return nil
}

// continuousFeed is such a feed.
type continuousFeed struct {
	cursor    *streams.Cursor
	heartbeat time.Duration
	skip      bool // gaps
}

// serve is send for a feed that is on its own.
func (c *continuousFeed) serve(f *feedWriter, ctx context.Context) {
	defer c.cursor.Close()
	c.send(f, ctx)
}

// send sends what comes, until the end.
func (c *continuousFeed) send(f *feedWriter, ctx context.Context) {
	var accepted time.Time // when something was last
	accept := f.accept
	if c.heartbeat > 0 { // else nobody asks
		accept = func(chunk streams.Chunk) bool {
			accepted = time.Now()
			return f.accept(chunk)
		}
	}
	for silence := c.heartbeat; ; {
		chunk, err := c.cursor.NextUnless(ctx, silence, accept)
		silence = c.heartbeat
		if since := time.Since(accepted); errors.Is(err, streams.ErrIdle) && since < c.heartbeat {
			silence -= since
			continue
		}
		if !c.take(f, ctx, chunk, err) {
			return
		}
	}
}

// take sends what a Cursor has given, and reports whether there may be more.
func (c *continuousFeed) take(f *feedWriter, ctx context.Context, chunk streams.Chunk, err error) bool {
	switch {
	case err == nil && f.begun:
		f.finish()
	case err == nil && chunk.Missed > 0 && !c.skip:
		panic(http.ErrAbortHandler)
	case err == nil && len(chunk.Data) > 0:
		f.send(chunk.Data)
	case err == nil:
	case errors.Is(err, streams.ErrIdle):
		f.send([]byte("\n"))
	case errors.Is(err, io.EOF):
		f.end()
		return false
	default:
		f.breakOff(ctx)
	}
	return true
}
