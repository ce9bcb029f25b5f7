package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/process"
)

// receive takes messages from the client, one after the other, and writes them
// to the process. It returns when the connection is closed.
func (k *socket) receive(ctx context.Context) error {
	in := k.input
	if in != nil {
		k.server.manager.Expect(k.pid, "stdin", k.label) // the first message does not have to wait then
	}
	var taken int64
	for {
		k.reading.Store(uptime())
		_, message, err := k.conn.Reader(context.Background())
		k.reading.Store(0)
		if err != nil {
			return errPeerGone
		}
		from := &attentive{message, &k.reading}
		var written, offset int64
		if in != nil {
			written, offset, err = in.Copy(ctx, from, -1)
			taken += written
		}
		if in == nil || errors.Is(err, process.ErrInputClosed) || ctx.Err() != nil {
			in = nil // nobody reads it any more; the client's close may still come
			_, err = io.Copy(io.Discard, from)
		}
		if err == nil && k.acks && ctx.Err() == nil {
			err = k.acknowledge(taken, offset, in == nil)
		}
		if err != nil {
			return errPeerGone
		}
	}
}

// acknowledge tells the client how many bytes of this connection the process's
// stdin has taken and how many it has taken in all, or that it takes no more.
func (k *socket) acknowledge(taken, offset int64, closed bool) error {
	text := `{"event": "input", "closed": true}`
	if !closed {
		text = fmt.Sprintf(`{"event": "input", "written": %d, "offset": %d}`, taken, offset)
	}
	return k.write(websocket.MessageText, []byte(text))
}

// setInput says in the header of a handshake what its client has to know to send
// again what did not arrive: the id of this connection, and how many bytes stdin
// has taken, unless it takes no more.
func (k *socket) setInput(h http.Header, id string) {
	h.Set("Gaffer-Socket", id)
	if k.input != nil {
		h.Set("Gaffer-Input-Offset", strconv.FormatInt(k.input.Offset(), 10))
	}
}

// errSucceeded is why a websocket ends whose client has come with another one.
var errSucceeded = errors.New("another connection has taken the place of this one")

// predecessors are the websockets in whose place their clients may come with
// another one, by an id that is nobody else's to know. It is safe for concurrent
// use.
type predecessors struct {
	mu   sync.Mutex // guards everything below
	byID map[string]predecessor
}

type predecessor struct {
	pid  int
	end  context.CancelCauseFunc
	gone <-chan struct{} // closed when nothing of its input is written any more
}

// add notes a websocket until gone is called, which has to be after the end of
// all that it does.
func (p *predecessors) add(pid int, end context.CancelCauseFunc) (id string, gone func()) {
	id = rand.Text()
	closed := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID = make(map[string]predecessor)
	}
	p.byID[id] = predecessor{pid, end, closed}
	return id, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.byID, id)
		close(closed)
	}
}

// end ends the websocket with an id, if there is one, and waits until it has: what
// its client has sent has been written by then, or never will be.
func (p *predecessors) end(ctx context.Context, pid int, id string) error {
	p.mu.Lock()
	found, ok := p.byID[id]
	p.mu.Unlock()
	if !ok || found.pid != pid {
		return nil
	}
	found.end(errSucceeded)
	select {
	case <-found.gone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
