package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
)

// peer is the other end of a connection. The kernel knows whose it is on a unix
// socket and on loopback TCP; elsewhere it is an address.
//
// The user is the one who made the other socket. That cannot change while the
// connection lasts: whoever is handed the socket acts for the one who made it. So
// the user is asked for when the first head has been read, and kept. If the peer has
// closed its end by then nobody can tell any more, and what was seen when the
// connection was accepted stands, both ends having been open then: all that comes on
// this connection comes from that socket. A peer is safe for concurrent use.
type peer struct {
	conn net.Conn // set by peerOf, never changed; nil if only its addresses are known

	mu       sync.Mutex // guards everything below
	known    bool       // uid is
	uid      int
	was      int  // the user when the connection was accepted
	accepted bool // was is known
	here     bool // it is of this program's network namespace, which cannot change
}

// peerOf is the other end of a connection that was accepted, also of one that is
// wrapped, as in TLS.
func peerOf(conn net.Conn) *peer {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return &peer{conn: conn}
		}
		conn = outer.NetConn()
	}
}

// user is the one who made the other socket. It is for when a request's head has
// been read. ok is false where nobody can tell. The error is that of a system that
// has nothing left to find out with.
func (p *peer) user() (uid int, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known {
		return p.uid, true, nil
	}
	uid, ok, err = p.look()
	switch {
	case ok && p.accepted && uid != p.was:
		ok = false // it was given away since
	case !ok && p.accepted:
		uid, ok = p.was, true
	}
	p.uid, p.known = uid, ok
	return uid, ok, err
}

// look asks the kernel for the user. p.mu must be held.
func (p *peer) look() (uid int, ok bool, err error) {
	switch conn := p.conn.(type) {
	case *net.UnixConn:
		uid, ok = unixUser(conn)
	case *net.TCPConn:
		local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
		if uid, ok, err = loopbackUser(local, remote); ok && !p.here {
			ok, err = isHere(conn, local, remote)
			p.here = ok
		}
		// As long as this end has not heard of an end, the other socket is the
		// one that this connection began with, and no later one of its address.
		ok = ok && established(conn)
	}
	return uid, ok, err
}

// key tells peers apart that share nothing: users where the kernel knows them,
// addresses elsewhere. It is "" for one of which nothing is known. It is for when
// the connection is accepted.
func (p *peer) key() string {
	if p.conn == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.was, p.accepted, _ = p.look(); p.accepted {
		return userKey(p.was)
	}
	if remote := addrPort(p.conn.RemoteAddr()); remote.IsValid() {
		return remote.Addr().String()
	}
	return ""
}

func userKey(uid int) string { return "uid " + strconv.Itoa(uid) }

// loopbackUser is the owner of the socket whose own address is remote and which
// is connected to local.
func loopbackUser(local, remote netip.AddrPort) (uid int, ok bool, err error) {
	if !local.Addr().IsLoopback() || !remote.Addr().IsLoopback() {
		return 0, false, nil
	}
	return socketUser(remote, local)
}

// addrPort is a TCP address, with IPv4 as such also where IPv6 stands for it.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(tcp.AddrPort())
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

type peerKey struct{}

// peerOfRequest is the peer that sent a request. In a server of the embedding
// program without ConnContext nothing is known of it.
func peerOfRequest(r *http.Request) *peer {
	if p, ok := r.Context().Value(peerKey{}).(*peer); ok {
		return p
	}
	return &peer{}
}

// userOfRequest is the user whose program has sent a request: see peer.user. Without
// a peer the addresses have to do.
func userOfRequest(r *http.Request) (uid int, ok bool, err error) {
	if p := peerOfRequest(r); p.conn != nil {
		return p.user()
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return 0, false, nil
	}
	return loopbackUser(addrPort(local), unmapped(remote))
}

// caller tells callers apart that share nothing: tokens, or else users where the
// kernel knows them, or else addresses.
func caller(r *http.Request) string {
	if v := visitorOf(r); v.token != nil && v != nobodyAtAll {
		return v.name
	}
	if uid, ok, _ := userOfRequest(r); ok {
		return userKey(uid)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// withPeer notes the connection of a context's requests, and who is at its other
// end.
func withPeer(ctx context.Context, conn net.Conn) (context.Context, *peer) {
	p := peerOf(conn)
	return context.WithValue(context.WithValue(ctx, connKey{}, conn), peerKey{}, p), p
}

// ConnContext is for the http.Server of a program that serves Handler: it notes
// the connection, and with it who is at its other end.
func (s *Server) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	ctx, p := withPeer(ctx, conn)
	p.key() // while it is there
	return ctx
}
