package httpapi

import (
	"bufio"
	"net"
	"net/http"
	"sync"
)

// corking is a ResponseWriter whose hijacked connection can be corked. A
// websocket writes every message by itself, which for a line each costs more
// than the lines.
type corking struct {
	http.ResponseWriter
	conn *corkedConn // set by Hijack
}

// Hijack implements http.Hijacker.
func (c *corking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.conn = &corkedConn{Conn: conn}
	return c.conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriterSize(c.conn, rw.Writer.Size())), nil
}

// corkedConn holds back what is written while it is corked, up to a bound.
type corkedConn struct {
	net.Conn

	mu     sync.Mutex // guards everything below, and keeps writes in order
	corked bool
	held   []byte
}

// Write implements net.Conn.
func (c *corkedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.corked {
		return c.Conn.Write(p)
	}
	if c.held = append(roomy(c.held), p...); len(c.held) < logBatch {
		return len(p), nil
	}
	return len(p), c.flush()
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
	return c.flush()
}

// flush sends what is held. c.mu must be held.
func (c *corkedConn) flush() error {
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.held)
	c.held = reuse(c.held)
	return err
}
