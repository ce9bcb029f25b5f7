package httpapi

import (
	"fmt"
	"net/http"
	"sync"
)

// lasting counts the requests of each peer that last: feeds, websockets and
// input. It is safe for concurrent use.
type lasting struct {
	most int

	mu    sync.Mutex // guards everything below
	count map[string]int
}

func newLasting(most int) *lasting { return &lasting{most: most, count: map[string]int{}} }

// hold counts a request that lasts, until done is called.
func (l *lasting) hold(r *http.Request) (done func(), err error) {
	if g := guestOf(r); g != nil && g.short != nil {
		return nil, g.short
	}
	key := caller(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count[key] >= l.most {
		return nil, fmt.Errorf("%w: this client has %d streams open; close some, or raise max_peer_streams", errPeerLimit, l.most)
	}
	l.count[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.count[key]--; l.count[key] == 0 {
			delete(l.count, key)
		}
	}, nil
}
