package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// conns are the open connections of a server. http.Server knows them too, but
// does not say when the last one is gone, and when it shuts down it waits for
// seconds for those that have not said anything yet.
type conns struct {
	mu   sync.Mutex // guards everything below
	open map[net.Conn]http.ConnState
	none *sync.Cond // signalled when open becomes empty
}

func newConns() *conns {
	c := &conns{open: map[net.Conn]http.ConnState{}}
	c.none = sync.NewCond(&c.mu)
	return c
}

// changed is an http.Server's ConnState. A hijacked connection is its
// handler's.
func (c *conns) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		if len(c.open) == 0 {
			c.none.Broadcast()
		}
	default:
		c.open[conn] = state
	}
}

// closeSilent closes the connections on which nothing has come yet.
func (c *conns) closeSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, state := range c.open {
		if state == http.StateNew {
			conn.Close()
		}
	}
}

// wait waits until no connection is open.
func (c *conns) wait() { c.waitUntil(context.Background()) }

// waitFor is wait for no longer than that.
func (c *conns) waitFor(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.waitUntil(ctx)
}

func (c *conns) waitUntil(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.none.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.open) > 0 && ctx.Err() == nil {
		c.none.Wait()
	}
}
