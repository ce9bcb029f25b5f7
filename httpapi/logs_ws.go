package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// logsWebsocket sends lines as messages, one each. What the client sends is
// dropped.
func (s *Server) logsWebsocket(w http.ResponseWriter, r *http.Request, req *logRequest) error {
	k := &socket{server: s}
	if err := k.accept(w, r); err != nil {
		panic(http.ErrAbortHandler)
	}
	k.serve(r.Context(), func(ctx context.Context, parts *sync.WaitGroup) (websocket.StatusCode, string) {
		f := newLogFeed(ctx, req)
		defer f.close()
		l := &logSocket{k, f, time.Now()}
		return l.send(ctx, parts)
	})
	return nil
}

// logSocket is one client on a websocket that reads the lines of an app.
type logSocket struct {
	*socket
	feed *logFeed
	sent time.Time // when something was last
}

// send sends lines until there are none any more, and says how to close: 0 for
// not at all, the client is gone.
func (k *logSocket) send(ctx context.Context, parts *sync.WaitGroup) (websocket.StatusCode, string) {
	ping := time.Now().Add(pingInterval)
	for {
		now := time.Now()
		if !now.Before(ping) {
			ping = now.Add(pingInterval)
			k.ping(ctx, parts)
		}
		wait, beat := ping.Sub(now), false
		if silence := k.feed.heartbeat; silence > 0 && k.sent.Add(silence).Before(ping) {
			wait, beat = max(k.sent.Add(silence).Sub(now), atOnce), true
		}
		line, err := k.feed.next(wait)
		switch {
		case err == nil:
			err = k.row(line)
		case errors.Is(err, streams.ErrIdle) && beat:
			k.sent = time.Now()
			err = k.write(websocket.MessageText, appendSign(nil, "ping", k.sent))
		case errors.Is(err, streams.ErrIdle):
			err = nil
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && endingContext(ctx).Err() == nil:
			if k.feed.gone() && k.write(websocket.MessageText, appendSign(nil, "end", time.Now())) != nil {
				return 0, ""
			}
			return websocket.StatusNormalClosure, "that is all"
		case errors.Is(err, ErrReplaced):
			return websocket.StatusServiceRestart, ErrReplaced.Error()
		case errors.Is(err, tokens.ErrUnknown):
			return websocket.StatusPolicyViolation, err.Error()
		case errors.Is(err, io.EOF), errors.Is(err, errStopping):
			return websocket.StatusGoingAway, "the server is stopping"
		default:
			return 0, ""
		}
	}
}

// row sends a line, and together with it those that are there behind it.
func (k *logSocket) row(line manager.LogLine) (err error) {
	k.peer.cork()
	defer func() {
		k.sent = time.Now()
		if failed := k.peer.uncork(); failed != nil {
			err = failed
		}
	}()
	var buf []byte
	for n := 0; ; {
		buf = k.feed.encoder.appendJSON(buf[:0], &line)
		if err := k.write(websocket.MessageText, buf); err != nil {
			return err
		}
		if n += len(buf); n >= logBatch {
			return nil
		}
		line, err = k.feed.next(atOnce)
		if errors.Is(err, streams.ErrIdle) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
