package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/coder/websocket"
)

// AttachOptions say what to attach to. The zero value is the first output of
// the process, from its oldest byte that is still kept, and its stdin.
type AttachOptions struct {
	Stream   string // another output
	Since    int64  // offset to start at, or Latest
	Tail     int    // start so many lines before the end instead, if > 0
	ReadOnly bool   // no stdin: for processes created without redirect_input
}

// Attachment is a websocket to a process: what is sent goes to its stdin, what
// it prints is received. One goroutine may receive while others send; somebody
// has to receive, or the connection dies.
//
// An Attachment does not reconnect. Who needs that uses Stream and Input.
type Attachment struct {
	client *Client
	conn   *websocket.Conn
	stdin  string // its path
	reason string
}

// maxMessage is the largest message that either side may send.
const maxMessage = 64 << 20

// Attach connects to a running process. The caller closes the Attachment.
func (c *Client) Attach(ctx context.Context, pid int, o AttachOptions) (*Attachment, error) {
	// In binary mode a text message is always word of a gap and never output.
	q := url.Values{"binary": {"true"}, "gap": {"true"}}
	if o.Stream != "" {
		q.Set("stream", o.Stream)
	}
	switch {
	case o.Tail > 0:
		q.Set("tail", strconv.Itoa(o.Tail))
	case o.Since != Latest:
		q.Set("since", strconv.FormatInt(o.Since, 10))
	}
	if o.ReadOnly {
		q.Set("readonly", "true")
	}
	header := http.Header{}
	c.authorize(header)
	number := strconv.Itoa(pid)
	conn, resp, err := websocket.Dial(ctx, c.endpoint.prefix+route("wstreams", number)+"?"+q.Encode(),
		&websocket.DialOptions{HTTPClient: c.http, HTTPHeader: header})
	switch {
	case err == nil:
		conn.SetReadLimit(maxMessage)
		return &Attachment{client: c, conn: conn, stdin: route("streams", number, "stdin")}, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case resp != nil && resp.StatusCode >= 400:
		return nil, c.refusal(resp)
	}
	return nil, c.lost(err)
}

// Receive waits for the next output. Its Data belongs to the caller; Offset is
// not known over a websocket and stays 0. io.EOF means that the output has
// ended: Reason then says how the process did.
//
// A ctx that ends while Receive waits breaks the connection.
func (a *Attachment) Receive(ctx context.Context) (Chunk, error) {
	kind, data, err := a.conn.Read(ctx)
	if err != nil {
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			a.reason = closed.Reason
		}
		return Chunk{}, a.ended(ctx, err)
	}
	if kind == websocket.MessageBinary {
		return Chunk{Data: data}, nil
	}
	var gap struct{ Missed int64 }
	if err := json.Unmarshal(data, &gap); err != nil {
		return Chunk{}, fmt.Errorf("attach: message of %s: %w", a.client.endpoint.address, err)
	}
	return Chunk{Missed: gap.Missed}, nil
}

// Send writes p to stdin. It returns when p is on its way; CloseInput waits
// until it is there.
func (a *Attachment) Send(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), maxMessage)
		if err := a.conn.Write(ctx, websocket.MessageBinary, p[:n]); err != nil {
			return a.ended(ctx, err)
		}
		p = p[n:]
	}
	return nil
}

// CloseInput closes the stdin of the process once everything sent before is in
// it, and returns when that is done. Somebody has to receive meanwhile.
func (a *Attachment) CloseInput(ctx context.Context) error {
	// A websocket cannot say "end of input". The daemon takes one message after
	// the other, so the answer to a ping means that all before it is written.
	if err := a.conn.Ping(ctx); err != nil {
		return a.ended(ctx, err)
	}
	return a.client.Do(ctx, http.MethodPost, a.stdin, url.Values{"eof": {"true"}}, nil, nil)
}

// Reason says how the process ended, "exit 0" or "signal 9", after Receive
// returned io.EOF.
func (a *Attachment) Reason() string { return a.reason }

// Close detaches. The process goes on, with its stdin open.
func (a *Attachment) Close() error {
	if err := a.conn.Close(websocket.StatusNormalClosure, ""); err != nil && !errors.Is(err, io.EOF) {
		return a.conn.CloseNow()
	}
	return nil
}

// ended says why the connection is no more.
func (a *Attachment) ended(ctx context.Context, err error) error {
	closed, ok := errors.AsType[websocket.CloseError](err)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !ok:
		return a.client.lost(err)
	case closed.Code == websocket.StatusNormalClosure:
		return io.EOF
	}
	return fmt.Errorf("attach: the daemon closed the connection: %s (%d)", strings.TrimSpace(closed.Reason), closed.Code)
}
