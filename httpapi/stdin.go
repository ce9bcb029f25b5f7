package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/process"
)

// goneInterval is the time between two looks at whether the client of an input that
// waits for the process is still there.
const goneInterval = 3 * time.Second

// leastTimeout keeps a write that need not wait from being a matter of luck.
const leastTimeout = time.Millisecond

// inputError is why not all of a body was written to a stream.
type inputError struct {
	err             error
	written, offset int64
}

// unknownOffset is that of an input which was closed in an earlier program's time.
const unknownOffset = -1

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// writeStream writes the body to stdin or to a custom stream, as it comes.
func (s *Server) writeStream(w http.ResponseWriter, r *http.Request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	at, given := q.count("at")
	if !given {
		at = -1
	}
	eof := q.flag("eof")
	timeout, bounded := q.seconds("timeout", leastTimeout)
	if q.err != nil {
		return q.err
	}
	in, err := s.manager.Input(pid, mux.Vars(r)["stream"])
	switch {
	case errors.Is(err, process.ErrInputClosed):
		return &inputError{err, 0, unknownOffset}
	case err != nil:
		return err
	}
	done, err := s.lasting.hold(r)
	if err != nil {
		return err
	}
	defer done()
	ctx, body := r.Context(), io.Reader(requestBody{r})
	if bounded {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(timeout, func() { cancel(errInputTimedOut) })
		defer timer.Stop()
		body = &timedBody{body, timer, time.Now(), timeout}
	}
	written, offset, err := copyBody(ctx, w, r, body, in, at)
	if err != nil {
		return inputFailed(pid, err, at, written, offset)
	}
	if eof {
		if err := in.Close(); err != nil {
			return inputFailed(pid, err, at, written, offset)
		}
	}
	w.Header().Set("Gaffer-Written", strconv.FormatInt(written, 10))
	setOffset(w.Header(), offset)
	return writeOK(w)
}

// timedBody is a body that is to be written within a time. What it takes to come does
// not count: timer runs while what has come is written, or waits for that.
type timedBody struct {
	io.Reader
	timer *time.Timer
	since time.Time     // when it began to run
	left  time.Duration // then
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	b.timer.Stop()
	b.left = max(b.left-time.Since(b.since), 0)
	defer func() {
		b.since = time.Now()
		b.timer.Reset(b.left)
	}()
	return b.Reader.Read(p)
}

// copyBody writes the body of r to an input. It gives up on a stalled body when ctx
// ends or when nothing can be written any more.
func copyBody(ctx context.Context, w http.ResponseWriter, r *http.Request, body io.Reader, in *process.Input, at int64) (written, offset int64, err error) {
	if r.Body == http.NoBody {
		return in.Copy(ctx, body, at)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	rc := http.NewResponseController(w)
	closed := in.Closed()
	select {
	case <-closed:
		closed = nil // there is no write that would have to be given up
	default:
	}
	done, watched := make(chan struct{}), make(chan struct{})
	var givenUp error
	go func() {
		defer close(watched)
		look := time.NewTicker(goneInterval)
		defer look.Stop()
		for givenUp == nil {
			select {
			case <-ctx.Done():
				givenUp = context.Cause(ctx)
			case <-closed:
				givenUp = process.ErrInputClosed
			case <-look.C:
				if r.ProtoMajor == 1 && hungUp(peerOfRequest(r).conn) {
					end(errPeerGone) // nobody is reading who would notice
				}
			case <-done:
				return
			}
		}
		_ = rc.SetReadDeadline(past) // the read that Copy may wait in ends now
	}()
	written, offset, err = in.Copy(ctx, body, at)
	close(done)
	<-watched
	if givenUp != nil {
		closeAfter(w, r) // net/http may already be reading on, for the next request
	}
	if err == nil || errors.Is(err, process.ErrInputHole) || givenUp == nil {
		return written, offset, err
	}
	return written, offset, givenUp // rather than that a read was interrupted
}

func inputFailed(pid int, err error, at, written, offset int64) error {
	switch {
	case errors.Is(err, errInputTimedOut):
		rest := fmt.Sprintf("from byte %d on", written) // others may write at that offset meanwhile
		if at >= 0 {
			rest = fmt.Sprintf("with at=%d", offset)
		}
		err = fmt.Errorf("pid %d does not read its input, or another request is writing to it: %w; send the rest again %s", pid, err, rest)
	case errors.Is(err, process.ErrInputClosed):
		err = fmt.Errorf("pid %d has closed its input or has ended: %w", pid, err)
	}
	return &inputError{err, written, offset}
}
