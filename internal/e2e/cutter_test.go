package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// cutter forwards connections and cuts each after a random number of bytes:
// what is on its way then is lost, and every other one is reset.
type cutter struct {
	addr string
	to   func() string
	most int64 // bytes before a cut
	cuts atomic.Int64

	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex // guards everything below
	ended bool
	open  map[net.Conn]struct{}
}

// newCutter forwards to where to says. It ends with the test.
func newCutter(t *testing.T, most int64, to func() string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String(), to: to, most: most, listener: l, open: make(map[net.Conn]struct{})}
	c.work.Go(c.accept)
	t.Cleanup(c.end)
	return c
}

func (c *cutter) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.work.Go(func() { c.forward(conn) })
	}
}

func (c *cutter) end() {
	c.listener.Close()
	c.mu.Lock()
	c.ended = true
	for conn := range c.open {
		conn.Close()
	}
	c.mu.Unlock()
	c.work.Wait()
}

// forward passes bytes on until one side ends, or as many as it was given.
func (c *cutter) forward(near net.Conn) {
	far, err := net.Dial("tcp", c.to())
	if err != nil {
		near.Close()
		return // the daemon is not there now
	}
	if !c.keep(near, far) {
		return
	}
	left := 1 + rand.Int64N(c.most)
	var request sync.WaitGroup
	request.Go(func() {
		io.Copy(far, near)
		far.Close()
	})
	if n, _ := io.CopyN(near, far, left); n == left {
		c.cuts.Add(1)
		if left%2 == 0 {
			near.(*net.TCPConn).SetLinger(0)
		}
	}
	near.Close()
	far.Close()
	request.Wait()
	c.mu.Lock()
	delete(c.open, near)
	delete(c.open, far)
	c.mu.Unlock()
}

// keep has both closed at the end of the test. It reports false when that is
// over.
func (c *cutter) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.ended {
			conn.Close()
		}
		c.open[conn] = struct{}{}
	}
	return !c.ended
}
