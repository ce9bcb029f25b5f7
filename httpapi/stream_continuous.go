package httpapi

import (
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
	log := req.log // all of req that a feed goes on to hold
	cursor := log.Subscribe(req.place.in(log))
	defer cursor.Close()

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
	f := s.startFeed(w, streamType)
	f.direct = newDirect(w, r)
	if len(first.Data) > 0 {
		f.send(first.Data)
	}
	for silence := heartbeat; ; {
		chunk, err := cursor.NextUnless(ctx, silence, f.accept)
		silence = heartbeat
		switch {
		case err == nil && f.begun:
			f.finish()
		case err == nil && chunk.Missed > 0 && !skip:
			panic(http.ErrAbortHandler)
		case err == nil && len(chunk.Data) > 0:
			f.send(chunk.Data)
		case err == nil:
		case errors.Is(err, streams.ErrIdle):
			if since := time.Since(f.accepted); since < heartbeat {
				silence -= since
				continue
			}
			f.send([]byte("\n"))
		case errors.Is(err, io.EOF):
			f.end()
			return nil
		default:
			f.breakOff(ctx)
		}
	}
}
