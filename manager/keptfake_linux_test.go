package manager

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/process"
)

// fakeKeeper is a fakeLauncher that keeps what it has started, which are files of
// nothing.
type fakeKeeper struct {
	fakeLauncher
	forgotten func(pid int)
	kept      func(pid int) // is told of each file; nil: nobody is
	left      chan error    // says that the one child of an earlier program is there now, or why not; nil: there is none
}

type fakeKept struct {
	*fakeChild
	keeper *fakeKeeper
	id     int
}

func (k *fakeKeeper) Launch(c process.Command) (process.Child, error) {
	child, err := k.fakeLauncher.Launch(c)
	if err != nil {
		return nil, err
	}
	return &fakeKept{child.(*fakeChild), k, c.ID}, nil
}

func (k *fakeKeeper) Adopt(c process.Command) (process.KeptChild, error) {
	if k.left == nil {
		return nil, process.ErrNotRunning
	}
	return &fakeKept{&fakeChild{&k.fakeLauncher, "left-1", 999, nil, make(chan process.Status, 1)}, k, c.ID}, nil
}
func (k *fakeKeeper) LetGoRest() int { return 0 }

func (c *fakeKept) Keep(byte, *os.File) error {
	if c.keeper.kept != nil {
		c.keeper.kept(c.id)
	}
	return nil
}

func (c *fakeKept) Launching() bool { return c.keeper.left != nil }

func (c *fakeKept) Started() error {
	if c.keeper.left == nil {
		return nil
	}
	if err := <-c.keeper.left; err != nil {
		return err
	}
	c.launcher.mu.Lock()
	defer c.launcher.mu.Unlock()
	if c.launcher.children == nil {
		c.launcher.children = map[string]*fakeChild{}
	}
	c.launcher.children[c.slot] = c.fakeChild
	return nil
}

func (c *fakeKept) Files() map[byte]*os.File      { return nil }
func (c *fakeKept) KeepNow(byte, *os.File) error  { return nil }
func (c *fakeKept) OnUnkept(func(byte, error))    {}
func (c *fakeKept) CloseFile(byte) error          { return nil }
func (c *fakeKept) ReleaseWith(...byte)           { c.Release() }
func (c *fakeKept) Tell(sig syscall.Signal) error { return c.SignalAll(sig) }
func (c *fakeKept) Told() bool                    { return false }
func (c *fakeKept) Forget() error                 { c.keeper.forgotten(c.id); return nil }

// TestForgottenOnceRecorded holds that a keeper is not told to forget a child as
// long as the state says that it is there: a program that goes on between the two
// would look for it.
func TestForgottenOnceRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t)
		forgotten := 0
		keeper := &fakeKeeper{forgotten: func(pid int) {
			forgotten++
			old, err := readRecords(v.Records())
			if err != nil {
				t.Error(err)
				return
			}
			for _, s := range old.supervisors {
				for _, sl := range s.slots {
					if sl.PID == pid && (sl.State == starting || sl.State == running || sl.State == stopping) {
						t.Errorf("pid %d is forgotten, and recorded as %v", pid, sl.State)
					}
				}
			}
		}}
		m := New(Options{Launcher: keeper, Vault: v, Environ: []string{}})
		for _, template := range []Template{quiet("web"), quiet("left", func(t *Template) { t.Detach = true })} {
			if _, err := m.Create(template); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if forgotten != 1 {
			t.Errorf("%d are forgotten while they run, want the one that is detached", forgotten)
		}
		for _, name := range []string{"web", "left"} {
			if _, err := m.Delete(name); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if err := m.Shutdown(t.Context()); err != nil || forgotten != 2 {
			t.Errorf("%d are forgotten in the end, want both; %v", forgotten, err)
		}
	})
}

// TestOutputIsExpected holds that what a stream needs is kept before an instance has
// written to it, if the one before it had, and else only then.
func TestOutputIsExpected(t *testing.T) {
	kept, stdouts := make(chan int, 10), make(chan *os.File, 10)
	keeper := &fakeKeeper{forgotten: func(int) {}, kept: func(pid int) { kept <- pid }}
	keeper.refuse = func(c process.Command) error {
		fd, err := syscall.Dup(int(c.Files[1].Fd()))
		stdouts <- os.NewFile(uintptr(fd), "stdout")
		return err
	}
	next := func(pid int) {
		t.Helper()
		select {
		case got := <-kept:
			if got != pid {
				t.Errorf("something of pid %d is kept, want %d", got, pid)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing is kept of pid %d", pid)
		}
	}
	m := New(Options{Launcher: keeper, Environ: []string{}})
	template := NewTemplate("web", "/bin/fake")
	template.Backoff.Initial = 0
	if _, err := m.Create(template); err != nil {
		t.Fatal(err)
	}
	first := <-stdouts
	if len(kept) > 0 {
		t.Error("something is kept of an instance without output")
	}
	if _, err := first.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	next(1)
	first.Close()
	keeper.child("web-1").end(process.Status{})
	second := <-stdouts
	next(2)
	second.Close()
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if len(kept) > 0 {
		t.Error("something is kept of its stderr, to which nobody has written")
	}
}
