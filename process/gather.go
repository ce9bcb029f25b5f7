package process

import (
	"syscall"
	"time"
)

// What comes in a flood of small writes is read every gatherPause, all that has come
// meanwhile together. Waking the reader for each of them costs it several times as
// much, and while a pipe is polled each write(2) to it calls on the poller, which takes
// the program a fifth longer.
const (
	gatherPause = 200 * time.Microsecond

	// What makes such a flood: more reads than gathering would take, each of a small
	// piece, and more bytes a second than any keystrokes, or answers to them, but no
	// more than a quarter of the pipe in a pause.
	floodPieces = float64(time.Second / gatherPause)
	floodPiece  = 12 << 10
	floodBytes  = 16 << 20
	bulkBytes   = float64(floodPipe/4) * floodPieces

	// gatherGain is how many times as much a read has to bring. Of what is written in
	// answer to something it brings one piece, however long that is left unread.
	gatherGain = 1.25

	// gatherRest is for how long a stream is not taken for a flood again if it turned out
	// to be none as soon as it was gathered.
	gatherRest = 100 * time.Millisecond
)

// gait is how a stream comes, a stretch of reads at a time.
type gait struct {
	since time.Time
	reads int
	bytes int
}

const (
	stretchReads = 8 // at least
	stretchTime  = time.Millisecond
	stretches    = 3 // in a row make a flood
)

// stretch notes a read of n bytes. At the end of a stretch it says how much came in it, in
// a second.
func (g *gait) stretch(n int) (reads, bytes float64, ok bool) {
	g.reads++
	g.bytes += n
	if g.reads%stretchReads != 0 {
		return 0, 0, false
	}
	now := time.Now()
	took := now.Sub(g.since)
	if took < stretchTime {
		return 0, 0, false
	}
	reads, bytes = float64(g.reads)/took.Seconds(), float64(g.bytes)/took.Seconds()
	*g = gait{since: now}
	return reads, bytes, true
}

// gatherer tells when to begin to gather, and when to stop.
type gatherer struct {
	gait
	hurried int       // stretches of a flood in a row
	rate    float64   // bytes a second of the last of them
	piece   float64   // bytes a read
	lasting bool      // it was one for a stretch since it has been gathered
	rest    time.Time // when it may be a flood again
}

// hurry notes a read that has emptied the pipe, and reports whether the stream has
// become a flood of small writes.
func (g *gatherer) hurry(n int) bool {
	reads, bytes, ok := g.stretch(n)
	if !ok {
		return false
	}
	small := reads > floodPieces && bytes/reads < floodPiece
	if !small || bytes < floodBytes || bytes > bulkBytes || g.since.Before(g.rest) {
		g.hurried = 0
		return false
	}
	g.rate, g.piece = bytes, bytes/reads
	g.hurried++
	return g.hurried >= stretches
}

// bulk notes a read that has not emptied the pipe.
func (g *gatherer) bulk() {
	g.gait, g.hurried = gait{}, 0
}

// begin is called when gathering begins.
func (g *gatherer) begin() {
	g.gait, g.hurried, g.lasting = gait{since: time.Now()}, 0, false
}

// goes notes a read while gathering, and reports whether to go on.
func (g *gatherer) goes(n int) bool {
	reads, bytes, ok := g.stretch(n)
	switch {
	case !ok:
		return true
	case bytes > g.rate/2 && bytes/reads > gatherGain*g.piece:
		g.lasting = true
		return true
	case !g.lasting:
		g.halt()
	}
	return false
}

// halt has nothing taken for a flood for a while.
func (g *gatherer) halt() { g.rest = time.Now().Add(gatherRest) }

// gather reads a stream every gatherPause for as long as that is worth it. It reports
// whether it has come to the end; otherwise it is to be attended.
func (r *reader) gather() (ended bool) {
	g := &r.gathering
	g.begin()
	pause, err := newPauses(gatherPause)
	if err != nil { // for want of a descriptor
		g.halt()
		return false
	}
	defer pause.close()
	if err := r.leavePoller(); err != nil {
		g.halt()
		return false
	}
	r.grow.grow()
	for r.ctx.Err() == nil && r.log.Pace(r.ctx) == nil {
		n, err := r.once()
		switch {
		case err == syscall.EAGAIN:
			n = 0
		case noMemory(err):
			r.waitForMemory(err)
			continue
		case err != nil:
			return true
		case !r.short:
			g.bytes += n
			continue // there is more, or the program would have to wait
		}
		if !g.goes(n) && r.joinPoller() {
			return false
		}
		if g.reads == 0 { // another stretch
			r.grow.grow()
		}
		pause.wait()
	}
	r.rest()
	return true
}
