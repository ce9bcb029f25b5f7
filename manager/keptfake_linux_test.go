package manager

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gafferd/gaffer/process"
)

// fakeKeeper is a fakeLauncher that keeps what it has started, which are files of
// nothing.
type fakeKeeper struct {
	fakeLauncher
	forgotten func(pid int)
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

func (k *fakeKeeper) Adopt(process.Command) (process.KeptChild, error) {
	return nil, process.ErrNotRunning
}
func (k *fakeKeeper) LetGoRest() int { return 0 }

func (c *fakeKept) Files() map[byte]*os.File      { return nil }
func (c *fakeKept) Keep(byte, *os.File) error     { return nil }
func (c *fakeKept) KeepNow(byte, *os.File) error  { return nil }
func (c *fakeKept) OnUnkept(func(byte, error))    {}
func (c *fakeKept) CloseFile(byte) error          { return nil }
func (c *fakeKept) ReleaseWith(...byte)           { c.Release() }
func (c *fakeKept) Tell(sig syscall.Signal) error { return c.SignalAll(sig) }
func (c *fakeKept) Told() bool                    { return false }
func (c *fakeKept) Released() bool                { return false }
func (c *fakeKept) Forget() error                 { c.keeper.forgotten(c.id); return nil }

// TestForgottenOnceRecorded holds that a keeper is not told to forget a child as
// long as the state says that it is there: a program that goes on between the two
// would look for it.
func TestForgottenOnceRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := OpenVault(nil, func(*os.File) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		defer v.file.Close()
		forgotten := 0
		keeper := &fakeKeeper{forgotten: func(pid int) {
			forgotten++
			v.mu.Lock()
			defer v.mu.Unlock()
			snap, err := v.snapshot()
			if err != nil {
				t.Error(err)
				return
			}
			for _, s := range snap.supervisors {
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
