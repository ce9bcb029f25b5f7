package manager

import (
	"math"
	"time"

	"github.com/gafferd/gaffer/process"
)

// Backoff is how long to wait before an instance that ended is replaced. The
// first replacement is immediate, the next comes after Initial, and each
// further one after twice the time before, up to Max. An instance that lived
// Reset begins anew. Initial 0 turns waiting off.
type Backoff struct{ Initial, Max, Reset time.Duration }

// delay is the pause before the nth replacement in a row, counted from 0.
// jitter, from 0 up to 1, spreads it by a quarter, so that instances that
// ended together do not come back together: upwards from the nominal delay
// where there is room below Max, else downwards from Max.
func (b Backoff) delay(n int, jitter float64) time.Duration {
	if n == 0 || b.Initial <= 0 {
		return 0
	}
	nominal := math.Ldexp(float64(b.Initial), min(n-1, 62)) // may pass what a Duration holds
	highest := min(1.25*nominal, float64(b.Max))
	lowest := 0.8 * highest
	return time.Duration(lowest + jitter*(highest-lowest))
}

// after is how many replacements in a row there have been when an instance
// that was the nth ends, having lived so long.
func (b Backoff) after(n int, lived time.Duration) int {
	if lived >= b.Reset {
		return 0
	}
	return n
}

func (b Backoff) validate() error {
	problem := ""
	switch {
	case b.Initial < 0 || b.Max < 0 || b.Reset < 0:
		problem = "has a negative time, want seconds from 0 up"
	case b.Max < b.Initial:
		problem = "max is below initial, want it at least as long"
	default:
		return nil
	}
	return &process.PropertyError{Property: "backoff", Problem: problem}
}
