package process

import (
	"syscall"
	"time"
)

const (
	// drainTime is how long after the exit a stream may go on, when something
	// that escaped still holds its pipe.
	drainTime = time.Second

	// The pauses between two looks at what is left.
	firstSweep = time.Millisecond
	lastSweep  = 100 * time.Millisecond
)

// end follows the instance to its end, from that of its leader on. It ends by
// closing p.done, after every other goroutine of p.
func (p *Process) end(status Status) {
	p.leaderEnded(status)
	p.sweep()
	cutoff := time.AfterFunc(drainTime, p.cutStreams)
	close(p.settled)
	p.mu.Lock()
	p.setState(draining)
	p.mu.Unlock()
	for _, s := range p.streams {
		if s.input != nil {
			s.input.shut()
		}
	}
	p.work.Wait()
	for _, s := range p.streams {
		if s.socket != nil {
			s.socket.Close()
		}
	}
	if cutoff.Stop() {
		p.cut()
	}
	p.release()
	p.finish()
}

// release lets go of the child, and of all that is kept of it but what was read.
func (p *Process) release() {
	child, ok := p.child.(KeptChild)
	if !ok {
		p.child.Release()
		return
	}
	var numbers []byte
	for _, s := range p.streams {
		numbers = s.kept.release(numbers)
	}
	child.ReleaseWith(numbers...) // in one message: many end at the same time
}

// leaderEnded records how the leader ended. When nobody asked for that, what it
// leaves behind is to go at once.
func (p *Process) leaderEnded(status Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exit.ended(status, time.Now())
	if p.state == running {
		p.setState(sweeping)
		close(p.forced)
	}
	close(p.exited)
}

// sweep returns when no descendant is left. It kills them, from the moment it
// is forced to: what the graceful timeout of a stop leaves them is theirs.
func (p *Process) sweep() {
	forced := p.forced
	for pause := firstSweep; ; pause = min(2*pause, lastSweep) {
		if left, err := p.child.Descendants(); len(left) == 0 && err == nil {
			return
		}
		select {
		case <-p.forced:
			// Again each time, for what was born between the look and the signal.
			p.child.SignalAll(syscall.SIGKILL) // its failure shows in the next look
			forced = nil
		default:
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-forced:
			timer.Stop()
		}
	}
}

// finish makes the end known.
func (p *Process) finish() {
	p.mu.Lock()
	p.exit.Stderr = p.lastLines()
	p.samples = nil
	p.setState(ended)
	close(p.done)
	onDone := p.onDone
	p.mu.Unlock()
	if onDone != nil {
		onDone()
	}
}

// letGo ends the life of a detached instance as far as we are concerned.
func (p *Process) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exit.Reason, p.exit.EndedAt = ReasonDetached, p.started
	p.setState(ended)
	p.child.Release()
	close(p.exited)
	close(p.settled)
	close(p.done)
}
