package manager

import (
	"slices"
	"testing"
	"time"
)

// TestMoves holds that every move of the table keeps the counts and the queues, and that no
// other is made.
func TestMoves(t *testing.T) {
	for from := range numStates {
		for to := range numStates {
			allowed := slices.Contains(moves[from], to)
			s := &supervisor{m: New(Options{}), name: "web"}
			s.slots.grow(1)
			sl := s.slots.all[0]
			sl.instance, sl.retryAt = &instance{}, time.Now()
			s.slots.put(sl, from)
			panicked := func() (p bool) {
				defer func() { p = recover() != nil }()
				s.setState(sl, to)
				return false
			}()
			if panicked == allowed {
				t.Errorf("%v to %v: panicked is %v", from, to, panicked)
			}
			if allowed && (s.slots.counts[to] != 1 || s.slots.counts[from] != 0 || len(s.slots.retries) != s.slots.counts[waiting] || (s.slots.nextDue() == sl) != (to == due)) {
				t.Errorf("%v to %v: counts %v, %d retries", from, to, s.slots.counts, len(s.slots.retries))
			}
		}
	}
}
