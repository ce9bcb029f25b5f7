package process

import (
	"fmt"
	"slices"
)

// state is how far the life of an instance has come.
type state int

const (
	running  state = iota // the leader runs
	stopping              // all of it was told to stop and has its graceful timeout
	sweeping              // what is still there is being killed
	draining              // nobody is left; what the pipes hold is read
	ended
)

// moves are the states that may follow each state.
var moves = [...][]state{
	running:  {stopping, sweeping, ended}, // ended at once: detached
	stopping: {sweeping, draining},
	sweeping: {draining},
	draining: {ended},
	ended:    {},
}

func (s state) String() string {
	return [...]string{"running", "stopping", "sweeping", "draining", "ended"}[s]
}

// setState is the only assignment to p.state. p.mu must be held.
func (p *Process) setState(to state) {
	if !slices.Contains(moves[p.state], to) {
		panic(fmt.Sprintf("process %s: %v to %v", p.spec.Name, p.state, to))
	}
	p.state = to
}
