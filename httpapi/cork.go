package httpapi

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// corking is a ResponseWriter whose hijacked connection is a corkedConn.
type corking struct {
	http.ResponseWriter
	stall time.Duration // see corkedConn
	conn  *corkedConn   // set by Hijack
}

// Hijack implements http.Hijacker.
func (c *corking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.conn = &corkedConn{Conn: conn, stall: c.stall, raw: rawConn(conn)}
	return c.conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriterSize(c.conn, rw.Writer.Size())), nil
}

// corkedConn is the connection of a websocket, which writes every message by itself.
// While it is corked it holds back what is written, up to a bound: for a line each,
// the writes cost more than the lines. And it takes a message from somebody who must
// not wait. Each write has its time, whoever writes.
type corkedConn struct {
	net.Conn
	stall time.Duration // how long the peer may take none of what is written

	mu       sync.Mutex // guards everything below, and keeps writes in order
	corked   bool
	held     []byte    // goes first
	deadline time.Time // of the next write
	once     nowaitWriter
	raw      syscall.RawConn // nil: see rawConn
}

// Write implements net.Conn.
func (c *corkedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.corked {
		if err := c.send(); err != nil {
			return 0, err
		}
		return c.write(p)
	}
	if c.held = append(roomy(c.held), p...); len(c.held) < logBatch {
		return len(p), nil
	}
	return len(p), c.send()
}

// cork holds back what is written from now on.
func (c *corkedConn) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = true
}

// uncork sends what was held back.
func (c *corkedConn) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = false
	return c.send()
}

// flush sends what is held.
func (c *corkedConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send()
}

// offer writes all of data if that needs no waiting, and reports whether it was taken.
// If only the beginning could be written, rest says that flush has the rest to write.
func (c *corkedConn) offer(data ...[]byte) (taken, rest bool) {
	if c.raw == nil || !c.mu.TryLock() {
		return false, false
	}
	defer c.mu.Unlock()
	if c.corked || len(c.held) > 0 {
		return false, false
	}
	n, err := c.once.write(c.raw, data...)
	if err != nil || n == 0 {
		return false, false // whoever writes it in the usual way finds out why
	}
	c.held = appendBehind(c.held, n, data...)
	return true, len(c.held) > 0
}

// send sends what is held. c.mu must be held.
func (c *corkedConn) send() error {
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.write(c.held)
	c.held = reuse(c.held)
	return err
}

// write writes at once. The deadline stands on the connection itself: a context that
// could end would cost a timer for each message. c.mu must be held.
func (c *corkedConn) write(p []byte) (int, error) {
	if now := time.Now(); c.deadline.Sub(now) < c.stall-c.stall/16 {
		c.deadline = now.Add(c.stall)
		if err := c.SetWriteDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
