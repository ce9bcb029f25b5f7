package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/coder/websocket"
)

// link is one connection of an Attachment.
type link struct {
	conn      *websocket.Conn
	resending sync.WaitGroup // what was sent before it was made; ends with it

	// Guarded by the mutex of the backlog.
	written int   // how many pieces of the backlog were written to it
	held    bool  // nothing is to be written to it, for now
	dead    bool  // nothing can
	taken   int64 // how many bytes of it the process has taken
	offset  int64 // of stdin when it was made
}

// reconnect makes the connection again; a.broken is why there is none.
func (a *Attachment) reconnect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.over, func() { cancel(context.Cause(a.over)) })()
	old := a.input.present()
	old.conn.CloseNow()
	old.resending.Wait()
	for {
		if err := a.again.again(ctx, a.broken); err != nil {
			return err
		}
		l, unsure, err := a.connect(ctx)
		if err == nil {
			return a.take(l, unsure)
		}
		a.broken = err
	}
}

// take makes l the connection. What is to be sent again is on its way then, unless
// a part of the input is unsure.
func (a *Attachment) take(l *link, unsure int64) error {
	a.input.begin(l, unsure > 0)
	if a.over.Err() != nil { // Close may have closed the one before
		l.conn.CloseNow()
		return context.Cause(a.over)
	}
	a.broken = nil
	a.again.connected()
	if a.enter.Ready != nil {
		a.enter.Ready()
	}
	if unsure > 0 {
		return &UnsureError{unsure}
	}
	a.resend(l)
	return nil
}

// release lets input that was held back since a part before it is unsure go.
func (a *Attachment) release() {
	if l := a.input.release(); l != nil {
		a.resend(l)
	}
}

// resend writes what has not been written to l. Whoever receives cannot do it:
// the daemon may want to be listened to in between.
func (a *Attachment) resend(l *link) {
	a.input.mu.Lock()
	defer a.input.mu.Unlock()
	if a.over.Err() == nil { // else Close waits for it already
		l.resending.Go(func() { _ = a.flush(context.Background()) }) // if l breaks, it is for the next
	}
}

// connect makes a connection and learns from the handshake where the output goes
// on and what has become of the input.
func (a *Attachment) connect(ctx context.Context) (l *link, unsure int64, err error) {
	header := http.Header{}
	a.client.authorize(header)
	conn, resp, err := websocket.Dial(ctx, a.client.endpoint.prefix+route("wstreams", a.pid)+"?"+a.query().Encode(),
		&websocket.DialOptions{HTTPClient: a.client.http, HTTPHeader: header})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case resp != nil && resp.StatusCode >= 400:
		return nil, 0, a.client.refusal(resp)
	default:
		return nil, 0, a.client.lost(err)
	}
	conn.SetReadLimit(maxMessage)
	l = &link{conn: conn}
	if unsure, err = a.learn(l, resp.Header); err != nil {
		conn.CloseNow()
		return nil, 0, err
	}
	return l, unsure, nil
}

func (a *Attachment) query() url.Values {
	q := url.Values{"binary": {"true"}, "gap": {"true"}}
	if a.enter.Stream != "" {
		q.Set("stream", a.enter.Stream)
	}
	switch {
	case a.next >= 0:
		q.Set("since", strconv.FormatInt(a.next, 10))
	case a.enter.Tail > 0:
		q.Set("tail", strconv.Itoa(a.enter.Tail))
	case a.enter.Since != Latest:
		q.Set("since", strconv.FormatInt(a.enter.Since, 10))
	}
	if a.enter.ReadOnly {
		q.Set("readonly", "true")
		return q
	}
	q.Set("ack", "true")
	if a.id != "" {
		q.Set("replaces", a.id)
	}
	return q
}

// learn reads the header of a handshake.
func (a *Attachment) learn(l *link, h http.Header) (unsure int64, err error) {
	number := func(name string) int64 {
		n, wrong := strconv.ParseInt(h.Get(name), 10, 64)
		if wrong != nil || n < 0 {
			err = fmt.Errorf("attach: %s does not say %s: is it a gafferd, and not older than this program?", a.client.endpoint.address, name)
		}
		return n
	}
	next := number("Gaffer-Offset")
	if h.Get("Gaffer-Missed") != "" {
		next -= number("Gaffer-Missed") // a message tells of them, and perhaps of more
	}
	a.id = h.Get("Gaffer-Socket")
	open := h.Get("Gaffer-Input-Offset") != ""
	if open || a.id == "" && !a.enter.ReadOnly {
		l.offset = number("Gaffer-Input-Offset")
	}
	switch {
	case err != nil:
		return 0, err
	case a.next >= 0 && next < a.next:
		return 0, ErrReplaced
	}
	a.next, a.enter.Stream = next, h.Get("Gaffer-Stream")
	if !open {
		a.input.close()
		return 0, nil
	}
	arrived, unsure, err := a.input.settle(l.offset)
	if arrived {
		a.again.alive()
	}
	return unsure, err
}
