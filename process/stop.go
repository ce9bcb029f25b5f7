package process

import (
	"cmp"
	"syscall"
	"time"
)

// Stop begins a graceful stop and returns at once; Done says when it is over.
// The leader and its descendants get the stop signal, and after the graceful
// timeout SIGKILL. The first reason given becomes Exit.Reason. Stop does
// nothing when the instance is already stopping or has ended.
func (p *Process) Stop(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != running {
		return
	}
	p.exit.Reason = cmp.Or(reason, ReasonStopped)
	p.setState(stopping)
	p.work.Go(p.stop)
}

// goOnStopping is Stop for an instance that was told to stop already, by an
// earlier program.
func (p *Process) goOnStopping(was Was) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != running {
		return
	}
	p.exit.Reason = cmp.Or(was.Reason, ReasonStopped)
	p.setState(stopping)
	p.work.Go(func() { p.killAfter(time.Until(was.KillAt)) })
}

// stop carries out what Stop began. It ends when no descendant is left, or has
// them all killed.
func (p *Process) stop() {
	tell := p.child.SignalAll
	if child, ok := p.child.(KeptChild); ok {
		tell = child.Tell
	}
	tell(p.spec.StopSignal) // its failure shows when the time is over
	p.killAfter(p.spec.GracefulTimeout)
}

// killAfter waits for a time, and has all killed that is left then.
func (p *Process) killAfter(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.settled:
	case <-p.forced:
	case <-timer.C:
		p.force("")
	}
}

// Kill kills the leader and its descendants now and returns at once; Done says
// when they are gone. The reason counts unless a stop gave one before. Kill
// does nothing when the leader has ended by itself.
func (p *Process) Kill(reason string) { p.force(cmp.Or(reason, ReasonStopped)) }

// force makes a running or stopping instance one that is being killed.
func (p *Process) force(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != running && p.state != stopping {
		return
	}
	p.exit.Reason = cmp.Or(p.exit.Reason, reason)
	p.setState(sweeping)
	close(p.forced)
	p.work.Go(func() {
		p.child.SignalAll(syscall.SIGKILL) // the owner sweeps after the leader's end
	})
}

// hasten kills what is left of an instance that is being stopped. It reports
// false for one that is not.
func (p *Process) hasten() bool {
	p.mu.Lock()
	asked := p.state == stopping
	p.mu.Unlock()
	if asked {
		p.force("") // or it is over by now
	}
	return asked
}

// Remaining are the os pids that are still alive while the instance is being
// stopped, the leader's first. It is nil before that and afterwards.
func (p *Process) Remaining() []int {
	p.mu.Lock()
	asked := p.state == stopping || p.state == sweeping
	p.mu.Unlock()
	if !asked || !p.hold() {
		return nil
	}
	defer p.work.Done()
	var left []int
	if p.alive() == nil {
		left = append(left, p.child.Pid())
	}
	below, _ := p.child.Descendants() // with an error as many as are known
	return append(left, below...)
}
