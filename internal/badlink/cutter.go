// Package badlink has connections that fail, for the tests of those that have to
// go on over them.
package badlink

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Cutter forwards connections and cuts each of them after a random number of
// bytes, in whichever direction they flow, sometimes before the first.
type Cutter struct {
	Address string // http://…
	Cuts    atomic.Int64
	most    int64 // bytes before a cut
}

// NewCutter forwards to the HTTP server at target until the end of the test. A
// connection is cut before it has brought most bytes.
func NewCutter(t *testing.T, target string, most int64) *Cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Cutter{Address: "http://" + l.Addr().String(), most: most}
	var connections sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	connections.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			connections.Go(func() {
				p.forward(conn, strings.TrimPrefix(target, "http://"))
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		connections.Wait()
	})
	return p
}

func (p *Cutter) forward(conn net.Conn, target string) {
	defer conn.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	left := &atomic.Int64{}
	left.Store(rand.Int64N(p.most))
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		buffer := make([]byte, 1000)
		for {
			n, err := from.Read(buffer)
			allowed := min(int64(n), left.Add(-int64(n))+int64(n))
			if allowed > 0 {
				to.Write(buffer[:allowed])
			}
			if allowed < int64(n) {
				p.Cuts.Add(1)
				err = io.ErrShortWrite
			}
			if err != nil {
				conn.Close()
				server.Close()
				return
			}
		}
	}
	both.Go(func() { pass(server, conn) })
	both.Go(func() { pass(conn, server) })
	both.Wait()
}
