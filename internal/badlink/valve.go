package badlink

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Valve forwards connections. What comes from the server can be held up, and
// clients can be cut off, of which the server need not hear.
type Valve struct {
	Address string // http://…

	mu       sync.Mutex // guards everything below
	shut     bool       // nothing passes from the server
	opened   sync.Cond
	clients  map[net.Conn]bool
	servers  map[net.Conn]bool
	unheard  bool // the servers' ends stay open
	finished bool
}

// NewValve forwards to the HTTP server at target until the end of the test.
func NewValve(t *testing.T, target string) *Valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &Valve{Address: "http://" + l.Addr().String(), clients: map[net.Conn]bool{}, servers: map[net.Conn]bool{}}
	v.opened.L = &v.mu
	var work sync.WaitGroup
	work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(target, "http://"))
			if err != nil {
				client.Close()
				continue
			}
			v.mu.Lock()
			v.clients[client], v.servers[server] = true, true
			v.mu.Unlock()
			work.Go(func() {
				io.Copy(server, client)
				v.mu.Lock()
				defer v.mu.Unlock()
				if !v.unheard {
					server.Close()
				}
			})
			work.Go(func() {
				defer client.Close()
				for buffer := make([]byte, 1000); ; {
					n, err := server.Read(buffer)
					v.mu.Lock()
					for v.shut && !v.finished && v.clients[client] {
						v.opened.Wait()
					}
					v.mu.Unlock()
					if _, failed := client.Write(buffer[:n]); failed != nil || err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		v.mu.Lock()
		v.finished, v.unheard = true, false
		v.opened.Broadcast()
		for conn := range v.clients {
			conn.Close()
		}
		for conn := range v.servers {
			conn.Close()
		}
		v.mu.Unlock()
		work.Wait()
	})
	return v
}

// Hold lets nothing pass from the server, until the clients are cut off.
func (v *Valve) Hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = true
}

// Cut breaks all connections, as their clients see it, and opens the valve for
// those to come. unheard says that the server does not hear of it.
func (v *Valve) Cut(unheard bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut, v.unheard = false, unheard
	for conn := range v.clients {
		conn.Close()
		delete(v.clients, conn)
	}
	v.opened.Broadcast()
}
