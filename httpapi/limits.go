package httpapi

import (
	"cmp"
	"time"
)

// Limits are what clients may take of a server. They are far above what a fair
// one needs; what is over them is refused with 413, 429 or 503. The zero value of
// each means its default.
type Limits struct {
	// Body is the largest body of a request in bytes, but for what is sent to a
	// process: 1 MiB.
	Body int64

	// HeaderTimeout is how long the head of a request, or a TLS handshake, may take
	// to arrive: 10 s. IdleTimeout is how long a connection may wait for another
	// request: 2 min.
	HeaderTimeout, IdleTimeout time.Duration

	// Connections is how many may be open at once: 10,000, or half of the
	// descriptors that this program may have if that is less. PeerConnections is
	// how many of them may be of one peer, which is a user on unix sockets and
	// loopback, and an address elsewhere: half of Connections.
	//
	// Beyond them room is made by closing those that have waited the longest for
	// a request, of the peer itself or of the one that has the most. If all are in
	// use, a few more connections are taken for one short request each.
	Connections, PeerConnections int

	// PeerStreams is how many feeds, websockets and inputs one peer may have open:
	// 2,000.
	PeerStreams int

	// TokenGuesses is how many tokens that are not valid a peer may send in a
	// minute: 20.
	TokenGuesses int
}

const (
	defaultConnections  = 10_000
	defaultPeerStreams  = 2_000
	defaultTokenGuesses = 20

	// reserved is how many connections there may be beyond the limit, each for a
	// short request, and spareFiles how many descriptors are held for them.
	reserved   = 32
	spareFiles = 4
)

func (l Limits) withDefaults() Limits {
	l.Body = cmp.Or(l.Body, maxBody)
	l.HeaderTimeout = cmp.Or(l.HeaderTimeout, headerTimeout)
	l.IdleTimeout = cmp.Or(l.IdleTimeout, idleTimeout)
	if l.Connections == 0 {
		l.Connections = defaultConnections
		if n := maxFiles(); n > 0 {
			l.Connections = max(1, min(l.Connections, n/2))
		}
	}
	if l.PeerConnections == 0 {
		l.PeerConnections = max(1, l.Connections/2)
	}
	l.PeerStreams = cmp.Or(l.PeerStreams, defaultPeerStreams)
	l.TokenGuesses = cmp.Or(l.TokenGuesses, defaultTokenGuesses)
	return l
}
