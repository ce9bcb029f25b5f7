package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// feedWriter sends a feed: whatever is written goes to the client at once, as
// one chunk. Its methods never return an error. A feed that cannot go on is
// broken off with a panic of http.ErrAbortHandler: nobody is left to tell, and
// the missing last chunk says that this is not the end.
type feedWriter struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	to      deadliner // whose write deadline it is
	visitor *visitor  // nothing is sent after the end of his token; nil: somebody else sees to that
	stall   time.Duration
	lapse   bool // the deadline does its work although nothing is being written
	sse     bool // it is server-sent events

	direct *direct                 // nil: by way of net/http
	sit    func(from *events) bool // joins an audience, if it can; nil: it never can

	begun    bool      // direct has the rest of what accept has sent
	deadline time.Time // of the next write
}

type deadliner interface{ SetWriteDeadline(time.Time) error }

// startFeed sends the header of a feed.
func (s *Server) startFeed(w http.ResponseWriter, r *http.Request, contentType string) *feedWriter {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Accel-Buffering", "no") // proxies that buffer would hold it back
	rc := http.NewResponseController(w)
	f := &feedWriter{w: w, rc: rc, to: rc, visitor: visitorOf(r), stall: s.stallTimeout, sse: contentType == sseType}
	if a, ok := w.(*answer); ok {
		f.lapse = a.lapse
	}
	if f.visitor.token != nil {
		context.AfterFunc(r.Context(), f.heed) // for a write that waits
	}
	w.WriteHeader(http.StatusOK)
	f.flush()
	return f
}

// put has p sent as a chunk of its own, together with what is sent next: at once,
// unless that costs another write.
func (f *feedWriter) put(p []byte) {
	if f.direct == nil {
		f.send(p)
	} else if f.direct.hold(p); len(f.direct.held) >= batch {
		f.send(nil)
	}
}

// send writes p, behind what was put, and flushes it.
func (f *feedWriter) send(p []byte) {
	if len(p) == 0 && (f.direct == nil || len(f.direct.held) == 0) {
		return
	}
	f.check()
	f.extend()
	if f.direct != nil {
		if f.direct.chunk(p) != nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	if _, err := f.w.Write(p); err != nil {
		panic(http.ErrAbortHandler)
	}
	f.flush()
}

// accept is send for the writer of the stream, which must not wait: see
// streams.Cursor.NextUnless.
func (f *feedWriter) accept(chunk streams.Chunk) bool {
	if f.direct == nil || chunk.Missed > 0 {
		return false
	}
	taken := false
	taken, f.begun = f.direct.offer(chunk.Data)
	return taken && !f.begun
}

// finish sends the rest of what accept has begun.
func (f *feedWriter) finish() {
	f.begun = false
	f.send(nil)
}

func (f *feedWriter) flush() {
	f.extend()
	if f.rc.Flush() != nil {
		panic(http.ErrAbortHandler)
	}
	if f.lapse {
		f.deadline = time.Time{}
		_ = f.to.SetWriteDeadline(f.deadline)
	}
}

// extend gives the next write its time. To set a deadline costs more than to
// look at the clock, and nobody minds whether it is a few seconds early.
func (f *feedWriter) extend() {
	now := time.Now()
	if f.deadline.Sub(now) < f.stall-f.stall/16 {
		f.deadline = now.Add(f.stall)
		_ = f.to.SetWriteDeadline(f.deadline)
		f.heed() // what it has done may just have been undone
	}
}

// check breaks the feed off after the end of its visitor's token, also if there is
// always more to send.
func (f *feedWriter) check() {
	if f.visitor.ended() != nil {
		panic(http.ErrAbortHandler)
	}
}

// heed ends the write under way after the end of the visitor's token.
func (f *feedWriter) heed() {
	if f.visitor.ended() != nil {
		_ = f.to.SetWriteDeadline(past)
	}
}

// end gives what net/http still has to send, the last chunk, its time: a feed
// may have been idle for longer than that.
func (f *feedWriter) end() {
	f.deadline = time.Time{}
	f.extend()
}

// breakOff ends a feed whose context has ended before the feed did. Server-sent
// events say when to come again if another process is about to serve.
func (f *feedWriter) breakOff(ctx context.Context) {
	if f.sse && replaced(ctx) {
		f.send([]byte(retryNow))
	}
	panic(http.ErrAbortHandler)
}
