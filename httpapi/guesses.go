package httpapi

import (
	"sync"
	"time"
)

// maxGuessers bounds of how many peers it is kept how often they guessed.
const maxGuessers = 4096

// guesses bound how often a peer may send a token that is not valid: as many at
// once as may come in a minute, and then one whenever its time has come. It is
// safe for concurrent use.
type guesses struct {
	each time.Duration // after which one more may be wrong
	most int           // at once

	mu    sync.Mutex           // guards everything below
	until map[string]time.Time // by peer: when all of its guesses are forgiven
}

func newGuesses(aMinute int) *guesses {
	return &guesses{each: time.Minute / time.Duration(aMinute), most: aMinute, until: map[string]time.Time{}}
}

// wait is how long it takes until a token of that peer is looked at again: 0 for
// one that has not sent too many wrong ones.
func (g *guesses) wait(peer string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := time.Duration(g.most-1) * g.each
	return max(0, time.Until(g.until[peer].Add(-rest)))
}

// wrong notes that a token of that peer was not valid.
func (g *guesses) wrong(peer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if _, known := g.until[peer]; !known && len(g.until) >= maxGuessers {
		g.forget(now)
	}
	until := g.until[peer]
	if until.Before(now) {
		until = now
	}
	g.until[peer] = until.Add(g.each)
}

// forget makes room: those that are forgiven go, or else any, and an eighth of all
// so that not each of many guessers has it look at all others. g.mu must be held.
func (g *guesses) forget(now time.Time) {
	for peer, until := range g.until {
		if !until.After(now) {
			delete(g.until, peer)
		}
	}
	for peer := range g.until {
		if len(g.until) <= maxGuessers-maxGuessers/8 {
			return
		}
		delete(g.until, peer)
	}
}
