package httpapi

import "sync"

// pollKey says whose place it is, and in which stream.
type pollKey struct {
	pid    int
	label  string
	caller string
}

// maxPolls bounds how many places are kept. Now and then those of instances
// that are gone are dropped, and if that leaves too many, any.
const maxPolls = 4096

// polls are the places up to which callers have polled streams, so that a
// shell loop of plain polls neither repeats nor skips anything. It is safe for
// concurrent use.
type polls struct {
	mu     sync.Mutex // guards everything below
	places map[pollKey]int64
	sweep  int // how many there may be before the next sweep
}

func newPolls() *polls {
	return &polls{places: map[pollKey]int64{}, sweep: 64}
}

func (p *polls) get(k pollKey) (offset int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	offset, ok = p.places[k]
	return offset, ok
}

// move notes how far a caller got. Of two polls at once the one that got
// further counts. gone says of a pid whether its streams are no more; what was
// kept for those is dropped now and then.
func (p *polls) move(k pollKey, offset int64, gone func(pid int) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places[k] = max(p.places[k], offset)
	if len(p.places) <= p.sweep {
		return
	}
	for other := range p.places {
		if gone(other.pid) {
			delete(p.places, other)
		}
	}
	if len(p.places) > maxPolls/2 {
		for other := range p.places {
			if other != k && len(p.places) > maxPolls/2 {
				delete(p.places, other)
			}
		}
	}
	p.sweep = max(64, 2*len(p.places))
}

// drop forgets the places in an instance that is gone.
func (p *polls) drop(pid int, gone func(pid int) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.places) == 0 || !gone(pid) {
		return
	}
	for k := range p.places {
		if k.pid == pid {
			delete(p.places, k)
		}
	}
}
