package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

var (
	errPeerLimit = errors.New("too many at once")
	errNoRoom    = errors.New("the server has no more room")
)

// room is what a server has for connections, and who takes how much of it. When
// it is full, those that wait for a request have to go: the longest first, of the
// peer that comes, or else of the one that has the most. So whoever opens
// thousands and asks for nothing keeps nobody out but himself.
//
// Connections are in use, and are left alone, while requests that were let in are
// answered: what is sent to others keeps nobody out. When all are in use a few more
// are taken for one short request each, so that there is always a way to see what
// is going on and to stop something.
//
// A room is safe for concurrent use.
type room struct {
	limits Limits

	mu     sync.Mutex // guards everything below, and every guest
	guests map[net.Conn]*guest
	count  int               // of guests, but for the short ones
	peers  map[string]*crowd // of those that have any
	short  map[*guest]bool
	spares spares
	lent   bool   // the next one is accepted with what spares have given
	clock  uint64 // counts how often somebody began to wait
}

// crowd are the connections of one peer.
type crowd struct {
	key     string
	count   int
	waiting list.List // of guests, the longest first
}

// guest is one connection.
type guest struct {
	room     *room
	conn     net.Conn
	crowd    *crowd
	since    uint64        // when it began to wait for a request that is let in, by the room's clock; 0 while it is in use
	place    *list.Element // in crowd.waiting
	handlers int
	idle     bool // net/http has said so since they began: those of HTTP/2 may be yet to hear that their streams were reset
	hijacked bool
	seated   bool  // its handler has left it to an audience
	gone     bool  // it is not counted any more
	short    error // why it is there for one short request only; nil if it is not
}

func newRoom(l Limits) *room {
	r := &room{limits: l, guests: map[net.Conn]*guest{}, peers: map[string]*crowd{}, short: map[*guest]bool{}}
	r.spares.refill()
	return r
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spares.close()
}

type guestKey struct{}

// enter is an http.Server's ConnContext. What accepts connections calls it, and so
// it does not wait for anything.
func (r *room) enter(ctx context.Context, conn net.Conn) context.Context {
	ctx, p := withPeer(ctx, conn)
	g, out, refused := r.take(conn, p.key())
	if out != nil {
		hangUp(out.conn)
	}
	if refused {
		refuse(conn)
	}
	return context.WithValue(ctx, guestKey{}, g)
}

// take counts a connection, and says who has to go for it. refused is that there
// is no room for this one even so.
func (r *room) take(conn net.Conn, key string) (g *guest, out *guest, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g = &guest{room: r, conn: conn, crowd: r.peers[key]}
	if g.crowd == nil {
		g.crowd = &crowd{key: key}
	}
	switch used := g.crowd.count; {
	case r.lent:
		r.lent = false
		g.short = fmt.Errorf("%w for one that lasts: it has no more descriptors (ulimit -n)", errNoRoom)
	case used >= r.limits.PeerConnections:
		if out = r.dismiss(g.crowd); out == nil {
			g.short = fmt.Errorf("%w: this client has %d connections in use; close some, or raise max_peer_connections", errPeerLimit, used)
		}
	case r.count >= r.limits.Connections:
		if out = r.dismiss(r.largest()); out == nil {
			g.short = fmt.Errorf("%w for one that lasts: all of its %d connections are in use; close some, or raise max_connections", errNoRoom, r.count)
		}
	}
	if g.short != nil && len(r.short) >= reserved {
		if out = r.dismissShort(); out == nil {
			g.gone = true
			return g, nil, true
		}
	}
	r.guests[conn] = g
	if g.short != nil {
		r.short[g] = true
	} else {
		r.peers[key] = g.crowd
		g.crowd.count++
		r.count++
	}
	r.wait(g)
	return g, out, false
}

// largest is the peer with the most connections of those that have one waiting.
// r.mu must be held.
func (r *room) largest() (most *crowd) {
	for _, c := range r.peers {
		if c.waiting.Len() > 0 && (most == nil || c.count > most.count) {
			most = c
		}
	}
	return most
}

// dismiss takes the one that has waited the longest off the count; nil if none
// waits. r.mu must be held.
func (r *room) dismiss(c *crowd) *guest {
	if c == nil || c.waiting.Len() == 0 {
		return nil
	}
	g := c.waiting.Front().Value.(*guest)
	r.leave(g)
	return g
}

// dismissShort is dismiss for those that are beyond the limits. r.mu must be
// held.
func (r *room) dismissShort() (longest *guest) {
	for g := range r.short {
		if g.waits() && (longest == nil || g.since < longest.since) {
			longest = g
		}
	}
	if longest != nil {
		r.leave(longest)
	}
	return longest
}

// waits reports whether g is not in use. The room's mu must be held.
func (g *guest) waits() bool { return g.since > 0 }

// wait notes that g waits from now on, unless it does already. r.mu must be held.
func (r *room) wait(g *guest) {
	if g.gone || g.waits() {
		return
	}
	r.clock++
	g.since = r.clock
	if g.short == nil {
		g.place = g.crowd.waiting.PushBack(g)
	}
}

// waitNoMore notes that g does not wait. r.mu must be held.
func (g *guest) waitNoMore() {
	g.since = 0
	if g.place != nil {
		g.crowd.waiting.Remove(g.place)
		g.place = nil
	}
}

// leave takes g off the count. r.mu must be held.
func (r *room) leave(g *guest) {
	if g.gone {
		return
	}
	g.gone = true
	g.waitNoMore()
	delete(r.guests, g.conn)
	if g.short != nil {
		delete(r.short, g)
		return
	}
	r.count--
	if g.crowd.count--; g.crowd.count == 0 {
		delete(r.peers, g.crowd.key)
	}
}

// changed is an http.Server's ConnState. A connection that was hijacked stays
// until its handler is done.
func (r *room) changed(conn net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.guests[conn]
	switch {
	case state == http.StateClosed:
		if g != nil {
			r.leave(g)
		}
		r.spares.refill() // there may be a descriptor again
	case g == nil:
	case state == http.StateHijacked:
		g.hijacked = true
	case state == http.StateIdle && g.handlers == 0:
		r.wait(g)
	case state == http.StateIdle:
		g.idle = true
	}
}

// begin and end enclose the answer to a request.
func (r *room) begin(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.handlers++
	g.idle = false
}

// letIn notes that g, which may be nil, is in use until its handlers are done. It
// reports false if g had to go before that.
func (g *guest) letIn() bool {
	if g == nil {
		return true
	}
	g.room.mu.Lock()
	defer g.room.mu.Unlock()
	g.waitNoMore()
	return !g.gone
}

func (r *room) end(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.handlers--; g.handlers > 0 {
		return
	}
	switch {
	case g.hijacked:
		r.leave(g)
		r.spares.refill()
	case g.idle:
		r.wait(g)
	}
}

// guestOf is the connection of a request. It is nil in a server of the embedding
// program.
func guestOf(req *http.Request) *guest {
	g, _ := req.Context().Value(guestKey{}).(*guest)
	return g
}

// hangUp closes a connection without a word. TLS would like to say good-bye, and nobody
// waits for that.
func hangUp(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.Close()
}

// refusal is the answer to one for whom there is no room at all.
var refusal = func() []byte {
	const body = `{"error":"too_many","reason":"the server has no more room for connections; try again"}` + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

// refuse answers before anything was asked. On TLS that would take a handshake.
func refuse(conn net.Conn) {
	if _, secure := conn.(*tls.Conn); !secure {
		conn.SetWriteDeadline(time.Now().Add(time.Second)) // an empty buffer takes it at once
		conn.Write(refusal)
	}
	hangUp(conn)
}

// acceptPause is how long nobody is accepted when there are no descriptors at all.
const acceptPause = 20 * time.Millisecond

// listener is l, of which connections are accepted also when there are no more
// descriptors.
func (r *room) listener(l net.Listener) net.Listener { return &roomListener{l, r} }

type roomListener struct {
	net.Listener
	room *room
}

// Accept implements net.Listener.
func (l *roomListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil || !outOfFiles(err) {
			return conn, err
		}
		if !l.room.giveUpOne() {
			time.Sleep(acceptPause)
		}
	}
}

// giveUpOne frees a descriptor: that of the one that has waited the longest, or a
// spare one.
func (r *room) giveUpOne() bool {
	r.mu.Lock()
	out := r.dismiss(r.largest())
	if out == nil {
		out = r.dismissShort()
	}
	lent := out == nil && r.spares.lend()
	r.lent = r.lent || lent
	r.mu.Unlock()
	if out != nil {
		hangUp(out.conn)
	}
	return lent || out != nil
}
