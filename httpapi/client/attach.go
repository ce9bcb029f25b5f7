package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/coder/websocket"
)

// AttachOptions say what to attach to. The zero value is the first output of
// the process, from its oldest byte that is still kept, and its stdin.
type AttachOptions struct {
	Stream   string // another output
	Since    int64  // offset to start at, or Latest
	Tail     int    // start so many lines before the end instead, if > 0
	ReadOnly bool   // no stdin: for processes created without redirect_input

	// Ready is called each time the connection stands, the first time within
	// Attach and then within Receive.
	Ready func()
}

// Attachment is a websocket to a process: what is sent goes to its stdin, what
// it prints is received. One goroutine may receive while others send. Somebody
// has to receive, or nothing is heard of what was sent and the connection dies.
//
// A broken connection is made again, by Receive, as that of a Stream is. The
// output goes on at the byte where it was. Input is kept until the daemon has said
// that the process has it. The new connection ends the old one also where the
// daemon has not heard of its end, so that nothing is on its way any more; the
// offset of stdin then tells how much has arrived, and the rest is sent again. If
// others write to the same stdin, which they may, that can be uncertain: what it
// concerns is not sent again, and Receive returns an *UnsureError.
type Attachment struct {
	client *Client
	pid    string
	enter  AttachOptions // with Stream known once there was a connection

	over   context.Context // ends with the attachment; why is its cause
	finish context.CancelCauseFunc

	// Of Receive.
	again  retry
	broken error // why there is no connection, unless there is
	id     string
	next   int64 // offset of the output to come; -1 before the first connection
	reason string

	sending chan struct{} // has an element while somebody is in Send
	turn    chan struct{} // has an element while somebody writes to a connection
	input   backlog
}

// UnsureError says that a connection has broken and nobody can tell how much of
// the last Bytes that were written to it have reached the process. They are not
// sent again.
type UnsureError struct{ Bytes int64 }

func (e *UnsureError) Error() string {
	return fmt.Sprintf("the connection was lost, and %d bytes of the input may not have arrived", e.Bytes)
}

// maxMessage is the largest message that the daemon may send.
const maxMessage = 64 << 20

// Attach connects to a running process. The caller closes the Attachment.
func (c *Client) Attach(ctx context.Context, pid int, o AttachOptions) (*Attachment, error) {
	a := &Attachment{
		client: c, pid: fmt.Sprint(pid), enter: o, again: retry{client: c}, next: -1,
		sending: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
	a.over, a.finish = context.WithCancelCause(context.Background())
	a.input.changed = make(chan struct{})
	l, unsure, err := a.connect(ctx)
	if err == nil {
		err = a.take(l, unsure)
	}
	if err != nil {
		a.finish(err)
		return nil, err
	}
	return a, nil
}

// Receive waits for the next output. Its Data belongs to the caller. io.EOF means
// that the output has ended: Reason then says how the process did.
//
// After an *UnsureError the connection stands again. What is sent then, or was
// in the meantime, goes on its way with the next Receive: a caller who cannot have a
// hole in the input closes the Attachment instead. Other errors are those of Stream,
// and the end.
//
// A ctx that ends while Receive waits breaks the connection, which the next Receive
// makes again.
func (a *Attachment) Receive(ctx context.Context) (Chunk, error) {
	if a.over.Err() != nil {
		return Chunk{}, context.Cause(a.over)
	}
	a.release()
	for {
		if a.broken != nil {
			if err := a.reconnect(ctx); err != nil {
				return Chunk{}, a.failed(ctx, err)
			}
		}
		chunk, err := a.read(ctx)
		switch {
		case err == nil && (len(chunk.Data) > 0 || chunk.Missed > 0):
			return chunk, nil
		case err == nil:
		case ctx.Err() != nil:
			a.broken = a.client.lost(net.ErrClosed)
			return Chunk{}, context.Cause(ctx)
		case err == io.EOF || !passing(err):
			return Chunk{}, a.failed(ctx, err)
		default:
			a.broken = err
		}
	}
}

// failed is err as Receive returns it. It ends the Attachment, unless err is one after
// which there may be more.
func (a *Attachment) failed(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*UnsureError](err); !ok && ctx.Err() == nil {
		a.finish(err)
	}
	if a.over.Err() != nil {
		return context.Cause(a.over) // it may have been closed
	}
	return err
}

// read reads one message. Only output comes as a chunk that is not empty.
func (a *Attachment) read(ctx context.Context) (Chunk, error) {
	l := a.input.present()
	kind, message, err := l.conn.Reader(ctx)
	if err != nil {
		return Chunk{}, a.ended(err)
	}
	data, err := io.ReadAll(message)
	if kind == websocket.MessageBinary && len(data) > 0 {
		a.again.alive()
		if err != nil { // what came of it counts: a connection may be too short-lived for more
			a.broken = a.client.lost(err)
		}
		chunk := Chunk{Offset: a.next, Data: data}
		a.next += int64(len(data))
		return chunk, nil
	}
	if err == nil && len(data) == 0 {
		err = io.ErrUnexpectedEOF // as the library has it
	}
	if err != nil {
		return Chunk{}, a.ended(err)
	}
	a.again.alive()
	// In binary mode a text message is never output.
	var word struct {
		Event           string
		Missed          int64
		Written, Offset int64
		Closed          bool
	}
	err = json.Unmarshal(data, &word)
	switch {
	case err != nil:
	case word.Event == "gap":
		a.next += word.Missed
		return Chunk{Offset: a.next, Missed: word.Missed}, nil
	case word.Event == "input" && word.Closed:
		a.input.close()
	case word.Event == "input":
		err = a.input.confirm(l, word.Written, word.Offset)
	}
	if err != nil {
		return Chunk{}, fmt.Errorf("attach: message %.100q of %s: %w", data, a.client.endpoint.address, err)
	}
	return Chunk{}, nil
}

// ended says why the connection is no more.
func (a *Attachment) ended(err error) error {
	closed, ok := errors.AsType[websocket.CloseError](err)
	if broken, isNet := errors.AsType[*net.OpError](err); isNet {
		err = broken // rather than in which of its functions the library was
	}
	switch {
	case !ok:
		return a.client.lost(err)
	case closed.Code == websocket.StatusServiceRestart:
		return a.client.lost(errRestarting)
	case closed.Code == websocket.StatusNormalClosure:
		a.reason = closed.Reason
		return io.EOF
	}
	return fmt.Errorf("attach: the daemon closed the connection: %s (%d)", closed.Reason, closed.Code)
}

// Reason says how the process ended, "exit 0" or "signal 9", after Receive
// returned io.EOF.
func (a *Attachment) Reason() string { return a.reason }

// Close detaches. The process goes on, with its stdin open. Whoever waits in
// another method gets net.ErrClosed.
func (a *Attachment) Close() error {
	a.finish(net.ErrClosed)
	l := a.input.present()
	defer l.resending.Wait()
	if err := l.conn.Close(websocket.StatusNormalClosure, ""); err != nil && !errors.Is(err, io.EOF) {
		return l.conn.CloseNow()
	}
	return nil
}
