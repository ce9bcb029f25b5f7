package process

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	floodReads = 8               // full reads in a row that make a flood
	floodPause = 2 * time.Second // without a full read: the flood is over

	// fullPipe is what a read takes at least of a pipe that was full and has not been
	// grown: what is written in small pieces does not fill its pages.
	fullPipe = calmPipe / 4 * 3

	// maxGrown bounds how many pipes are grown at once. An unprivileged user has
	// 64 MiB of pipes in all, beyond which every new one shrinks to 8 KiB.
	maxGrown = 64
)

// grown counts the pipes of this program that are grown now.
var grown atomic.Int32

// pipeGrower gives a pipe more room in the kernel while it floods. Its methods
// but shrink are the reader's to call.
type pipeGrower struct {
	resize func(size int) bool
	full   int // reads in a row that left something in the pipe

	mu    sync.Mutex  // guards what follows, for shrink
	timer *time.Timer // not nil: the pipe is grown
}

// flooded notes a read that did not empty the pipe, or found it full.
func (g *pipeGrower) flooded() {
	if g.full++; g.full < floodReads {
		return
	}
	g.full = 0
	g.grow()
}

// grow gives it more room for a while, if there is any.
func (g *pipeGrower) grow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.timer != nil:
		g.timer.Reset(floodPause)
	case grown.Add(1) > maxGrown || !g.resize(floodPipe):
		grown.Add(-1)
	default:
		g.timer = time.AfterFunc(floodPause, g.shrink)
	}
}

// calm notes that the pipe is empty, and was not full.
func (g *pipeGrower) calm() { g.full = 0 }

// shrink gives the room back.
func (g *pipeGrower) shrink() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer == nil {
		return
	}
	if !g.resize(calmPipe) { // it holds too much, so it floods again
		g.timer.Reset(floodPause)
		return
	}
	g.timer = nil
	grown.Add(-1)
}

// release is called before the pipe is closed.
func (g *pipeGrower) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
		grown.Add(-1)
	}
}
