package process

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeChild is a child that does what a test says, when it says so.
type fakeChild struct {
	leader chan Status
	onEach func(sig syscall.Signal, all bool) // may be nil

	mu       sync.Mutex
	below    []int
	unseen   error // why there may be more of them
	signals  []string
	released bool
}

func (c *fakeChild) GiveUp(int) {}

func (c *fakeChild) Launch(Command) (Child, error) {
	c.leader = make(chan Status, 1)
	return c, nil
}

func (c *fakeChild) Pid() int             { return 4711 }
func (c *fakeChild) OnEnd(f func(Status)) { go func() { f(<-c.leader) }() }

func (c *fakeChild) Signal(sig syscall.Signal) error    { return c.note(sig, false) }
func (c *fakeChild) SignalAll(sig syscall.Signal) error { return c.note(sig, true) }

func (c *fakeChild) note(sig syscall.Signal, all bool) error {
	c.mu.Lock()
	name := SignalName(sig)
	if all {
		name += " to all"
	}
	c.signals = append(c.signals, name)
	c.mu.Unlock()
	if c.onEach != nil {
		c.onEach(sig, all)
	}
	return nil
}

func (c *fakeChild) Descendants() ([]int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.below), c.unseen
}

func (c *fakeChild) set(below ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.below = below
}

func (c *fakeChild) sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Compact(slices.Clone(c.signals)) // a sweep repeats itself
}

func (c *fakeChild) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
}

// live starts a fake child in a bubble.
func live(t *testing.T, c *fakeChild) *Process {
	t.Helper()
	s := NewSpec("web", "./not-there")
	s.RedirectOutput = nil
	p, err := Start(&s, Options{Launcher: c})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestStopWaitsThenKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeChild{}
		c.onEach = func(sig syscall.Signal, _ bool) {
			if sig == syscall.SIGKILL {
				c.leader <- Status{TermSignal: 9}
				c.set()
			}
		}
		c.set(1, 2)
		p := live(t, c)
		begun := time.Now()
		if p.Remaining() != nil {
			t.Error("remaining without a stop")
		}
		p.Stop("scaled down")
		synctest.Wait()
		if got := p.Remaining(); !slices.Equal(got, []int{4711, 1, 2}) {
			t.Errorf("remaining: %v", got)
		}
		<-p.Done()
		if took := time.Since(begun); took < p.spec.GracefulTimeout || took > p.spec.GracefulTimeout+lastSweep {
			t.Errorf("took %v", took)
		}
		if got := c.sent(); !slices.Equal(got, []string{"TERM to all", "KILL to all"}) {
			t.Errorf("sent %v", got)
		}
		if exit := p.Exit(); exit.Reason != "scaled down" || exit.TermSignal != 9 || !c.released {
			t.Errorf("got %+v, released %v", exit, c.released)
		}
	})
}

func TestStopIsOverWhenAllAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeChild{}
		c.set(1)
		p := live(t, c)
		p.Stop("")
		time.Sleep(time.Second)
		c.leader <- Status{}
		time.Sleep(3 * time.Second)
		if !isClosed(p.Exited()) || isClosed(p.Done()) {
			t.Error("the leader is gone, and a descendant is not")
		}
		if got := p.Remaining(); !slices.Equal(got, []int{1}) {
			t.Errorf("remaining: %v", got)
		}
		c.set()
		<-p.Done()
		if got := c.sent(); !slices.Equal(got, []string{"TERM to all"}) {
			t.Errorf("sent %v", got)
		}
	})
}

func TestDescendantsHaveNoMoreThanTheGracefulTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeChild{}
		c.onEach = func(sig syscall.Signal, _ bool) {
			if sig == syscall.SIGKILL {
				c.set()
			}
		}
		c.set(1)
		p := live(t, c)
		begun := time.Now()
		p.Stop("")
		c.leader <- Status{}
		<-p.Done()
		if took := time.Since(begun); took < p.spec.GracefulTimeout || took > p.spec.GracefulTimeout+lastSweep {
			t.Errorf("took %v", took)
		}
	})
}

func TestAnUnaskedExitSweepsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kills := 0
		c := &fakeChild{}
		c.onEach = func(syscall.Signal, bool) {
			if kills++; kills == 3 { // the first ones missed somebody
				c.set()
			}
		}
		c.set(1, 2)
		p := live(t, c)
		begun := time.Now()
		c.leader <- Status{ExitStatus: 1}
		<-p.Done()
		if took := time.Since(begun); took > lastSweep {
			t.Errorf("took %v", took)
		}
		if got := c.sent(); !slices.Equal(got, []string{"KILL to all"}) {
			t.Errorf("sent %v", got)
		}
	})
}

// Nobody is known to be gone while there is no descriptor to look with.
func TestAShortageIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kills := 0
		c := &fakeChild{unseen: syscall.EMFILE}
		c.onEach = func(syscall.Signal, bool) {
			if kills++; kills == 3 {
				c.mu.Lock()
				c.unseen = nil
				c.mu.Unlock()
			}
		}
		p := live(t, c)
		c.leader <- Status{}
		<-p.Done()
		if kills != 3 {
			t.Errorf("it was over after %d kills", kills)
		}
	})
}

func TestKillDoesNotWait(t *testing.T) {
	for _, first := range []func(*Process){func(*Process) {}, func(p *Process) { p.Stop("first") }} {
		synctest.Test(t, func(t *testing.T) {
			c := &fakeChild{}
			c.onEach = func(sig syscall.Signal, _ bool) {
				if sig == syscall.SIGKILL {
					c.leader <- Status{TermSignal: 9}
				}
			}
			p := live(t, c)
			begun := time.Now()
			first(p)
			synctest.Wait()
			p.Kill("second")
			<-p.Done()
			if took := time.Since(begun); took != 0 {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A SIGKILL ends the grace of all, also when the leader has gone by itself.
func TestAKillEndsAStop(t *testing.T) {
	for _, leaderGone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := &fakeChild{}
			c.onEach = func(sig syscall.Signal, _ bool) {
				if sig == syscall.SIGKILL {
					c.set()
					if !leaderGone {
						c.leader <- Status{TermSignal: 9}
					}
				}
			}
			c.set(1)
			p := live(t, c)
			begun := time.Now()
			p.Stop("")
			if leaderGone {
				c.leader <- Status{}
			}
			synctest.Wait()
			if err := p.Signal(syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			<-p.Done()
			if took := time.Since(begun); took > lastSweep {
				t.Errorf("took %v", took)
			}
			if got := c.sent(); !slices.Equal(got, []string{"TERM to all", "KILL to all"}) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

func TestOutOfMemoryIsAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeChild{}
		p := live(t, c)
		c.leader <- Status{TermSignal: 9, OutOfMemory: true}
		<-p.Done()
		if got := p.Exit().Reason; got != ReasonOutOfMemory {
			t.Errorf("got %q", got)
		}
	})
}

func TestSignalsGoToTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeChild{}
		p := live(t, c)
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		if got := c.sent(); !slices.Equal(got, []string{"HUP"}) {
			t.Errorf("sent %v", got)
		}
		c.leader <- Status{}
		<-p.Done()
	})
}
