package httpapi

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// atOnce as a wait asks for what is there already.
const atOnce = time.Nanosecond

// logRequest is a request for the logs of an app.
type logRequest struct {
	reader    *manager.LogReader
	query     manager.LogQuery
	heartbeat time.Duration
	ends      bool // with the app
}

// logFeed is the lines of one answer. It belongs to the request's goroutine and
// must be closed.
type logFeed struct {
	*logRequest
	encoder logEncoder
	request context.Context
	open    context.Context // while lines may come that are not there yet
	close   func()
	last    bool // open has ended
}

// errAppGone ends an answer that is to end with the app.
var errAppGone = errors.New("the app is gone")

// newLogFeed begins an answer, which ends with ctx, and in good order when the
// server is to end, the app is gone, or the time until which lines are wanted has
// come: what there is by then is in it.
func newLogFeed(ctx context.Context, req *logRequest) *logFeed {
	open, cancel := context.WithCancelCause(ctx)
	ending := endingContext(ctx)
	forget := context.AfterFunc(ending, func() {
		if !replaced(ending) { // else the request ends too, and at once
			cancel(nil)
		}
	})
	stay := func() bool { return true }
	if req.ends && req.query.Follow {
		stay = req.reader.AfterApp(func() { cancel(errAppGone) })
	}
	f := &logFeed{logRequest: req, request: ctx, open: open}
	f.close = func() {
		forget()
		stay()
		cancel(nil)
	}
	if until := req.query.Until; req.query.Follow && !until.IsZero() {
		var stop context.CancelFunc
		f.open, stop = context.WithDeadline(open, until)
		context.AfterFunc(open, stop)
	}
	return f
}

// next returns the next line. The error is io.EOF at the end of the feed,
// streams.ErrIdle after waiting for idle, or why the request has ended.
func (f *logFeed) next(idle time.Duration) (manager.LogLine, error) {
	if f.request.Err() != nil {
		return manager.LogLine{}, context.Cause(f.request)
	}
	if !f.last {
		line, err := f.reader.Next(f.open, idle)
		if err == nil || f.open.Err() == nil || f.request.Err() != nil {
			return line, err
		}
		f.last = true
		f.reader.Finish()
	}
	return f.reader.Next(f.request, idle)
}

// gone reports whether the answer has ended with the app, which its last message
// tells.
func (f *logFeed) gone() bool { return f.last && context.Cause(f.open) == errAppGone }

// logBatch is how many bytes of lines travel together while there are more.
const logBatch = batch

// gather appends lines to buf as server-sent events: the first as soon as it comes,
// and those that are there behind it. A ping is appended if nothing comes for as
// long as the feed may be silent. The error is io.EOF when these were the last, or
// why the request has ended.
func (f *logFeed) gather(buf []byte, shared *renderings) ([]byte, error) {
	line, err := f.next(f.heartbeat)
	if errors.Is(err, streams.ErrIdle) {
		buf = appendSign(append(buf, "data: "...), "ping", time.Now())
		return append(buf, "\r\n\r\n"...), nil
	}
	for err == nil {
		buf = f.encoder.appendEvent(buf, &line)
		if lines, ok := f.reader.Ahead(); ok {
			var n int
			buf, n = shared.appendEvents(roomy(buf), &f.encoder, &lines)
			f.reader.Skip(n)
		}
		if len(buf) >= logBatch {
			return buf, nil
		}
		if line, err = f.next(atOnce); err == nil {
			buf = roomy(buf)
		}
	}
	switch {
	case errors.Is(err, streams.ErrIdle):
		err = nil
	case errors.Is(err, io.EOF) && f.gone():
		buf = appendSign(append(buf, "data: "...), "end", time.Now())
		buf = append(buf, "\r\n\r\n"...)
	}
	return buf, err
}
