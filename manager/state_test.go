package manager

import (
	"slices"
	"testing"
	"time"
)

// Every move of the table keeps the counts, and no other is made.
func TestMoves(t *testing.T) {
	for from := range numStates {
		for to := range numStates {
			allowed := slices.Contains(moves[from], to)
			s := &supervisor{m: New(Options{}), name: "web"}
			sl := &slot{index: 1, state: from, instance: &instance{}, retryAt: time.Now()}
			s.slots = []*slot{sl}
			s.counts[from]++
			if from == waiting {
				s.retries.add(sl)
			}
			panicked := func() (p bool) {
				defer func() { p = recover() != nil }()
				s.setState(sl, to)
				return false
			}()
			if panicked == allowed {
				t.Errorf("%v to %v: panicked is %v", from, to, panicked)
			}
			if allowed && (s.counts[to] != 1 || s.counts[from] != 0 || len(s.retries) != s.counts[waiting]) {
				t.Errorf("%v to %v: counts %v, %d retries", from, to, s.counts, len(s.retries))
			}
		}
	}
}
