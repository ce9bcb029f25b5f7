package process

import (
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// leftKeeper has one child, which an earlier program has left.
type leftKeeper struct {
	Keeper
	child KeptChild
}

func (k leftKeeper) Adopt(Command) (KeptChild, error) { return k.child, nil }

type leftChild struct {
	looseChild
	files map[byte]*os.File
	end   func(Status)
}

func (c *leftChild) Pid() int                    { return 1 }
func (c *leftChild) Started() error              { return nil }
func (c *leftChild) Files() map[byte]*os.File    { return c.files }
func (c *leftChild) OnEnd(f func(Status))        { c.end = f }
func (c *leftChild) OnUnkept(func(byte, error))  {}
func (c *leftChild) Told() bool                  { return false }
func (c *leftChild) Descendants() ([]int, error) { return nil, nil }
func (c *leftChild) ReleaseWith(...byte)         {}

// TestAdoptWithoutWhatCannotBeRead holds that a program whose output of before is
// damaged is watched as any other: it runs, and would be started a second time.
func TestAdoptWithoutWhatCannotBeRead(t *testing.T) {
	for name, damaged := range map[string]func() (*os.File, error){
		"no file":    func() (*os.File, error) { r, w, err := os.Pipe(); w.Close(); return r, err },
		"no records": func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "backing") },
	} {
		t.Run(name, func(t *testing.T) {
			theirs, ours, err := outputPipe()
			if err != nil {
				t.Fatal(err)
			}
			backing, err := damaged()
			if err != nil {
				t.Fatal(err)
			}
			child := &leftChild{files: map[byte]*os.File{fileNumber(1, keptEnd): ours, fileNumber(1, keptBacking): backing}}
			spec := &Spec{Name: "web", RedirectOutput: []string{"stdout"}}
			told := 0
			claim, err := NewClaim(spec, Options{Launcher: leftKeeper{child: child}, Unkept: func(string, error) { told++ }})
			if err != nil {
				t.Fatal(err)
			}
			p, err := claim.Adopt(Was{})
			if err != nil {
				t.Fatal(err)
			}
			log, err := p.Log("stdout")
			if err != nil {
				t.Fatal(err)
			}
			cursor := log.Subscribe(0)
			defer cursor.Close()
			if _, err := theirs.WriteString("hello\n"); err != nil {
				t.Fatal(err)
			}
			chunk, err := cursor.Next(t.Context(), 20*time.Second)
			if err != nil || string(chunk.Data) != "hello\n" || told != 1 {
				t.Errorf("read %q, %v; it was told %d times", chunk.Data, err, told)
			}
			theirs.Close()
			child.end(Status{})
			<-p.Done()
			if id := p.Identity(); id != "" {
				t.Errorf("whoever has its pid now, %s, is taken for it", id)
			}
		})
	}
}

// stoppedChild is one that was told to stop, of whose descendants one is left.
type stoppedChild struct {
	leftChild
	killed atomic.Bool
	looked chan struct{} // has an element once somebody has looked at what is left, or killed it
	over   chan struct{} // closed when nothing is left
}

func (c *stoppedChild) Told() bool { return true }

// OnEnd returns after what it calls has got on: the caller may be held up so.
func (c *stoppedChild) OnEnd(f func(Status)) {
	go f(Status{TermSignal: int(syscall.SIGTERM)})
	<-c.looked
}

func (c *stoppedChild) look() {
	select {
	case c.looked <- struct{}{}:
	default:
	}
}

func (c *stoppedChild) SignalAll(sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		c.killed.Store(true)
		c.look()
	}
	return nil
}

func (c *stoppedChild) Descendants() ([]int, error) {
	c.look()
	select {
	case <-c.over:
		return nil, nil
	default:
		return []int{2}, nil
	}
}

// TestAdoptedStopKeepsItsTime holds that descendants of one that is being stopped have
// what is left of their time also if the leader has ended before it is adopted.
func TestAdoptedStopKeepsItsTime(t *testing.T) {
	child := &stoppedChild{looked: make(chan struct{}, 1), over: make(chan struct{})}
	was := Was{StartedAt: time.Now(), Reason: "update", KillAt: time.Now().Add(time.Hour)}
	claim, err := NewClaim(&Spec{Name: "web"}, Options{Launcher: leftKeeper{child: child}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := claim.Adopt(was)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, p.Exited(), "the end of the leader to be seen")
	close(child.over)
	if exit := end(t, p); child.killed.Load() || exit.Reason != "update" {
		t.Errorf("what was left was killed: %v; got %+v", child.killed.Load(), exit)
	}
}

// TestAdoptWhatWasReadToItsEnd holds that the end of an instance does not wait for a stream
// that has ended before.
func TestAdoptWhatWasReadToItsEnd(t *testing.T) {
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	backing, err := streams.NewBacking("stdout")
	if err != nil {
		t.Fatal(err)
	}
	earlier := streams.NewLog(streams.Options{Backing: backing})
	theirs.WriteString("bye\n")
	control(ours, func(fd int) error { _, _, err := earlier.Splice(fd); return err })
	theirs.Close()
	earlier.Close()
	child := &leftChild{files: map[byte]*os.File{fileNumber(1, keptEnd): ours, fileNumber(1, keptBacking): backing.File()}}
	claim, err := NewClaim(&Spec{Name: "web", RedirectOutput: []string{"stdout"}}, Options{Launcher: leftKeeper{child: child}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := claim.Adopt(Was{})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.readable("stdout"); s.reader != nil {
		t.Error("it is still read")
	}
	if got := output(t, p, "stdout"); got != "bye\n" {
		t.Errorf("output %q", got)
	}
	go child.end(Status{})
	end(t, p)
}
