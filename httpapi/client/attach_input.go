package client

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/coder/websocket"
)

// What is sent and not confirmed is kept: at most so many bytes, in at most so
// many pieces.
const (
	maxUnconfirmed = 1 << 20
	maxUnanswered  = 1 << 12
)

// Send writes p to stdin. It returns when p is on its way, which it is not before
// nearly all that was sent earlier is with the process; CloseInput waits until all
// is. While the connection is broken it is kept for the next one. After an error
// nobody knows how much of p arrives.
func (a *Attachment) Send(ctx context.Context, p []byte) error {
	if err := a.enterOne(ctx, a.sending); err != nil {
		return err
	}
	defer func() { <-a.sending }()
	for len(p) > 0 {
		n := min(len(p), maxPiece)
		if err := a.await(ctx, a.input.hasRoom); err != nil {
			return err
		}
		a.input.add(bytes.Clone(p[:n]))
		if err := a.flush(ctx); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// CloseInput closes the stdin of the process once everything sent before is in
// it, and returns when that is done. Somebody has to receive meanwhile.
func (a *Attachment) CloseInput(ctx context.Context) error {
	// A websocket cannot say "end of input".
	if err := a.await(ctx, a.input.isEmpty); err != nil {
		return err
	}
	repeated := false
	return a.client.persist(ctx, func() error {
		err := a.client.Do(ctx, http.MethodPost, route("streams", a.pid, "stdin"), url.Values{"eof": {"true"}}, nil, nil)
		if repeated && Code(err) == "conflict" {
			return nil // it was closed before, only the answer was lost
		}
		repeated = true
		return err
	})
}

// flush writes to the connection, if there is one, what has not been written to it.
func (a *Attachment) flush(ctx context.Context) error {
	if err := a.enterOne(ctx, a.turn); err != nil {
		return err
	}
	defer func() { <-a.turn }()
	for {
		l, piece := a.input.take()
		if piece == nil {
			return nil
		}
		if err := l.conn.Write(ctx, websocket.MessageBinary, piece); err != nil {
			a.input.died(l) // whoever receives hears of it too
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// enterOne waits for a place that one at a time may have.
func (a *Attachment) enterOne(ctx context.Context, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	case <-a.over.Done():
		return context.Cause(a.over)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await waits until the backlog is as is wanted.
func (a *Attachment) await(ctx context.Context, look func() (is bool, changed <-chan struct{})) error {
	for {
		is, changed := look()
		switch {
		case a.over.Err() != nil:
			return context.Cause(a.over)
		case is:
			return nil
		}
		select {
		case <-changed:
		case <-a.over.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// backlog is the input of an Attachment that is not known to have reached the
// process, in the pieces in which it was sent, and the connection that it goes to.
type backlog struct {
	mu      sync.Mutex // guards everything below
	link    *link
	pieces  [][]byte
	size    int64         // of all pieces
	offset  int64         // of stdin, as it was last heard of
	shared  bool          // others write to it too
	closed  bool          // it takes no more, so nothing is kept
	changed chan struct{} // closed, and made anew, when pieces were confirmed or dropped
}

func (b *backlog) present() *link {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.link
}

func (b *backlog) hasRoom() (bool, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size+maxPiece <= maxUnconfirmed && len(b.pieces) < maxUnanswered, b.changed
}

func (b *backlog) isEmpty() (bool, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size == 0, b.changed
}

func (b *backlog) add(piece []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.pieces, b.size = append(b.pieces, piece), b.size+int64(len(piece))
	}
}

// take is the next piece to be written and the connection for it, if there is one.
func (b *backlog) take() (*link, []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.link
	if l.dead || l.held || l.written == len(b.pieces) {
		return l, nil
	}
	l.written++
	return l, b.pieces[l.written-1]
}

// died notes that nothing can be written to l any more.
func (b *backlog) died(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.dead = true
}

// begin makes l the connection that all that is left goes to; held, not yet.
func (b *backlog) begin(l *link, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.held = held
	b.link = l
}

// release is the connection if it was held, which it is no more.
func (b *backlog) release() *link {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.link.held {
		return nil
	}
	b.link.held = false
	return b.link
}

// confirm takes note that the process has taken so many bytes of a connection,
// and that its stdin was at offset then.
func (b *backlog) confirm(l *link, taken, offset int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := taken - l.taken
	if b.closed {
		return nil
	}
	if n < 0 || n > b.size {
		return errors.New("not so much was sent")
	}
	l.taken, b.offset = taken, offset
	b.shared = b.shared || offset-l.offset != taken
	b.drop(n)
	return nil
}

// settle finds out, when there is nothing on its way any more, how much of what
// was written to the connection before has arrived, now that stdin is at offset.
// The rest is kept. If it cannot be known, nothing of it is, and unsure says how
// much that was.
func (b *backlog) settle(offset int64) (some bool, unsure int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	arrived := offset - b.offset
	b.offset = offset
	if b.link == nil {
		return false, 0, nil // it is the first
	}
	written := int64(0)
	for _, piece := range b.pieces[:b.link.written] {
		written += int64(len(piece))
	}
	switch {
	case arrived < 0:
		return false, 0, ErrReplaced
	case arrived == 0:
	case arrived <= written && !b.shared:
		b.drop(arrived)
	default:
		b.shared = true
		b.drop(written)
		return true, written, nil
	}
	return arrived > 0, 0, nil
}

// close drops what is kept, and what will be sent: stdin takes no more.
func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.drop(b.size)
}

// drop forgets the first n bytes. b.mu must be held.
func (b *backlog) drop(n int64) {
	b.size -= n
	for n > 0 {
		first := b.pieces[0]
		if int64(len(first)) > n {
			b.pieces[0] = first[n:]
			break
		}
		n -= int64(len(first))
		b.pieces[0] = nil
		b.pieces = b.pieces[1:]
		if b.link != nil && b.link.written > 0 {
			b.link.written--
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}
