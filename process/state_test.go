package process

import (
	"slices"
	"testing"
)

func TestMoves(t *testing.T) {
	for from := range state(len(moves)) {
		for to := range state(len(moves)) {
			p := &Process{state: from}
			legal := slices.Contains(moves[from], to)
			if panicked := panics(func() { p.setState(to) }); panicked == legal {
				t.Errorf("%v to %v: legal %v, panicked %v", from, to, legal, panicked)
			}
			if want := map[bool]state{true: to, false: from}[legal]; p.state != want {
				t.Errorf("%v to %v: got %v", from, to, p.state)
			}
		}
	}
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return
}
