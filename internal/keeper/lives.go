//go:build linux

package keeper

import "time"

// lives are the lives of workers, and when the next one begins. A worker that lasted a
// while is replaced at once, and one that died soon is replaced after a pause that
// doubles.
type lives struct {
	startAt time.Time // when a worker is to be started; zero: not now
	pause   time.Duration
	early   int    // deaths in a row that came early
	begun   int    // workers that were started
	served  bool   // one of them was ready
	last    string // why the last one ended
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
	goodLife   = time.Second

	// maxEarly is how many workers in a row may die before one is ready, when it
	// is their only job to stop everything.
	maxEarly = 5
)

// died plans the next start after a life of that length.
func (l *lives) died(now time.Time, lived time.Duration) {
	if lived >= goodLife {
		l.pause, l.early = 0, 0
	}
	l.startAt = now.Add(l.pause)
	l.pause = min(max(2*l.pause, firstPause), maxPause)
	l.early++
}

// startNow leaves out what is left of a pause.
func (l *lives) startNow() {
	if !l.startAt.IsZero() {
		l.startAt = time.Unix(0, 1)
	}
}
