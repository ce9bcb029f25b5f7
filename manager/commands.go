package manager

import (
	"fmt"
	"time"

	"github.com/gafferd/gaffer/process"
)

// command changes what is wanted. It returns at once; o is over when it has
// happened. Whatever was under way before has to give way, and is never a
// reason to refuse. On an error, which is ErrNotFound or ErrClosed, nothing has
// changed and o is not touched.
func (s *supervisor) command(o *Operation, change func(*supervisor)) error {
	orders, err := s.apply(o, change)
	giveOut(orders)
	return err
}

// apply is command for callers that hold a lock. They give out the orders when
// they hold none.
func (s *supervisor) apply(o *Operation, change func(*supervisor)) ([]stopOrder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving != nil {
		return nil, s.leaving
	}
	s.underway.begin(o, s.unmet())
	change(s)
	s.plan()
	return s.takeOrders(), nil
}

// scale is command for a change of the number of instances, which to may
// refuse.
func (s *supervisor) scale(o *Operation, to func(now int) (int, error)) (int, error) {
	s.mu.Lock()
	defer s.unlock()
	if s.leaving != nil {
		return 0, s.leaving
	}
	n, err := to(s.template.NumProcesses)
	if err != nil {
		return 0, err
	}
	s.underway.begin(o, s.unmet())
	if n != s.template.NumProcesses {
		s.publish(EventUpdate, nil)
		s.template.NumProcesses = n
		s.described()
	}
	s.plan()
	return n, nil
}

// The functions up to forgive are what command is given to do. s.mu must be
// held.

func (s *supervisor) start() {
	s.publish(EventStart, nil)
	s.active, s.held = true, false
	s.runBegins()
	s.forgive()
}

func (s *supervisor) stop() {
	s.publish(EventStop, nil)
	s.active, s.held = false, false
	s.flaps.reset()
	s.cause = "stopped"
	s.runEnds(time.Now()) // now, if nothing of it will end
}

// restart also starts what was stopped.
func (s *supervisor) restart() {
	s.publish(EventRestart, nil)
	s.active, s.held = true, false
	s.runBegins()
	s.renew("restarted")
}

// update takes a new description. A stopped template stays stopped; one that
// waits, because its last description led to exits, is tried at once.
func (s *supervisor) update(t Template) {
	if len(differences(&s.template, &t)) == 0 {
		return
	}
	s.publish(EventUpdate, nil)
	replaces := !s.template.sameProgram(&t)
	s.template, s.spec = t, nil
	s.described()
	if replaces {
		s.renew("updated")
	}
}

// leave ends everything for good: err is what later commands get.
func (s *supervisor) leave(err error, cause string) {
	s.stop()
	s.cause = cause
	s.leaving = err
	if s.expiry != nil {
		s.expiry.Stop()
	}
}

// delete is the end of the template: its name is no longer its own.
func (s *supervisor) delete() {
	s.leave(notFound(s.name), "deleted")
	s.plan() // for the order of the events: told to stop, and then deleted
	s.publish(EventDelete, nil)
	s.forgotten = true
	s.forgetExits(0)
}

// renew lets the instances there are be replaced, and gives those that are not
// there another chance.
func (s *supervisor) renew(cause string) {
	s.generation++
	s.rolled = 0
	s.cause = cause
	s.forgive()
}

// forgive forgets how instances have fared: nothing waits any more.
func (s *supervisor) forgive() {
	s.flaps.reset()
	s.trouble = ""
	for _, sl := range s.slots.all {
		if sl.restarts > 0 || sl.failed || sl.refused {
			sl.restarts, sl.failed, sl.refused = 0, false, false
			s.journal.touch(sl)
		}
		if sl.state == waiting || sl.state == finished {
			s.setState(sl, off)
		}
	}
}

// release lets a template go on that is held, under the operation o, unless
// someone else has decided about it meanwhile: then o is over.
func (s *supervisor) release(o *Operation) {
	s.mu.Lock()
	defer s.unlock()
	if !s.held {
		o.finish(nil)
		return
	}
	s.underway.begin(o, s.unmet())
	s.start()
	s.plan()
}

// stopInstance stops inst alone; another one follows if it is wanted.
func (s *supervisor) stopInstance(inst *instance) (*Operation, error) {
	s.mu.Lock()
	defer s.unlock()
	if inst.exit != nil || inst.index > len(s.slots.all) || s.slots.all[inst.index-1].instance != inst {
		return nil, fmt.Errorf("%w: it has ended", notFoundPID(inst.pid))
	}
	sl := s.slots.all[inst.index-1]
	if sl.state == running {
		s.order(sl, EventStopPID, "stopped")
	}
	if inst.end == nil {
		inst.end = newOperation(1)
	}
	return inst.end, nil
}

// kill kills what is left at once.
func (s *supervisor) kill(reason string) {
	for _, sighted := range s.sighted() {
		sighted.proc.Kill(reason)
	}
	for _, pid := range s.beingStarted() {
		process.GiveUp(s.m.options.Launcher, pid)
	}
}
