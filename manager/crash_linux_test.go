package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
	"github.com/gafferd/gaffer/process"
)

// crashing has a manager with a vault in a bubble. Its end is orderly; what a crash
// would leave is a copy of the vault.
func crashing(t *testing.T, test func(f *fixture, l *fakeLauncher, v *vault.Vault)) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t)
		keeper := &fakeKeeper{forgotten: func(int) {}}
		m := New(Options{Launcher: keeper, Vault: v, Environ: []string{}})
		defer func() {
			if err := m.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		test(&fixture{T: t, Manager: m, fakeLauncher: &keeper.fakeLauncher}, &keeper.fakeLauncher, v)
	})
}

func newVault(t *testing.T) *vault.Vault {
	v, err := vault.Open(nil, func(*os.File) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// copyOf is what another program finds in v now.
func copyOf(t *testing.T, v *vault.Vault) *vault.Vault {
	t.Helper()
	copied := newVault(t)
	for key, value := range v.Records() {
		if err := copied.Write(vault.Change{Key: key, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// crash is the manager of the next program, if this one died now. Nothing of what
// ran is there any more.
func crash(f *fixture, v *vault.Vault) *fixture { return crashLeaving(f, v, nil) }

// crashLeaving is crash, where a launch was under way. left says when it is over.
func crashLeaving(f *fixture, v *vault.Vault, left chan error) *fixture {
	copied := copyOf(f.T, v)
	keeper := &fakeKeeper{forgotten: func(int) {}, left: left}
	keeper.takes = f.takes
	m := New(Options{Launcher: keeper, Vault: copied, Environ: []string{}})
	if _, err := m.Resume("killed"); err != nil {
		f.Fatal(err)
	}
	return &fixture{T: f.T, Manager: m, fakeLauncher: &keeper.fakeLauncher}
}

// TestVaultOfAnotherVersion holds that a program finds out before it takes over
// that it does not know a property of a process.
func TestVaultOfAnotherVersion(t *testing.T) {
	v := newVault(t)
	if err := v.Write(vault.Change{Key: "s1", Value: []byte(`{"source":0,"description":{"name":"web","cmd":"true","orbit":7}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := CheckVault(v); err == nil || !strings.Contains(err.Error(), "orbit") {
		t.Errorf("%v, want an error about what is not known", err)
	}
}

// TestBrokenVaultIsToldOnce holds that a vault which cannot be written to is told of,
// and that what changes nothing is no reason to say that it can be.
func TestBrokenVaultIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unwritable, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer unwritable.Close()
		v, err := vault.Open(unwritable, func(*os.File) error { return errors.New("no more memory") })
		if err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		keeper := &fakeKeeper{forgotten: func(int) {}}
		m := New(Options{Launcher: keeper, Vault: v, Environ: []string{}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		f := &fixture{T: t, Manager: m, fakeLauncher: &keeper.fakeLauncher}
		f.do(m.Create(quiet("web")))
		for range 3 {
			if _, _, err := m.Scale("web", 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(logged.String(), "is lost if gafferd crashes"); n != 1 {
			t.Errorf("it is told %d times:\n%s", n, &logged)
		}
		if strings.Contains(logged.String(), "is recorded again") {
			t.Errorf("nothing is recorded, and the log says:\n%s", &logged)
		}
	})
}

// TestBatchesAreResumed holds that what waits for its batch starts in it, also if the
// program dies meanwhile.
func TestBatchesAreResumed(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		l.takes = time.Second
		f.do(f.Load([]Template{quiet("first", priority(1)), quiet("second", priority(2)), quiet("third", priority(3))}))
		next := crash(f, v)
		defer next.Shutdown(f.Context())
		time.Sleep(1500 * time.Millisecond)
		next.wantState("third", StateStarting)
		next.wantAlive("first-1 second-1")
		time.Sleep(time.Second)
		next.wantAlive("first-1 second-1 third-1")
	})
}

// TestHungLaunchIsResumed holds that a launch that hangs, as on a dead network file
// system, keeps only its own process from going on in the next program.
func TestHungLaunchIsResumed(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		stopped bool
		alive   string
	}{
		"and succeeds":            {nil, false, "left-1"},
		"and fails":               {errors.New("stale file handle"), false, "hung-1"}, // which is its successor
		"is stopped and succeeds": {nil, true, ""},
		"is stopped and fails":    {errors.New("stale file handle"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
				l.takes = time.Hour
				if _, err := f.Create(quiet("hung")); err != nil {
					f.Fatal(err)
				}
				synctest.Wait()
				left := make(chan error)
				next := crashLeaving(f, v, left)
				defer next.Shutdown(f.Context())
				next.takes = 0
				next.wantState("hung", StateStarting)
				next.do(next.Create(quiet("other")))
				if c.stopped {
					if _, err := next.Stop("hung"); err != nil {
						f.Fatal(err)
					}
				}
				left <- c.err
				synctest.Wait()
				time.Sleep(time.Second)
				next.wantAlive(strings.TrimSpace(c.alive + " other-1"))
			})
		})
	}
}

// TestFailedLaunchIsResumed holds that a launch that fails after its program has died
// is told of as any other, and is not made again for that.
func TestFailedLaunchIsResumed(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		l.takes = time.Hour
		if _, err := f.Create(quiet("hung", func(t *Template) { t.Restart = RestartNever })); err != nil {
			f.Fatal(err)
		}
		synctest.Wait()
		left := make(chan error, 1)
		next := crashLeaving(f, v, left)
		defer next.Shutdown(f.Context())
		left <- errors.New("stale file handle")
		synctest.Wait()
		next.wantState("hung", StateFailed)
		exits, err := next.Exits("hung")
		if err != nil || len(exits) != 1 || exits[0].Reason != "start hung: stale file handle" || len(next.times) > 0 {
			f.Errorf("exits %+v, %v, and %d launches", exits, err, len(next.times))
		}
	})
}

// TestLaunchEndsDuringResume holds that an instance is watched once, also if it is there
// before all else has been taken over.
func TestLaunchEndsDuringResume(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		l.takes = time.Hour
		if _, err := f.Create(quiet("hung")); err != nil {
			f.Fatal(err)
		}
		for i := range 200 {
			f.do(f.Create(quiet(fmt.Sprint("idle", i), func(t *Template) { t.Start = false })))
		}
		synctest.Wait()
		left := make(chan error, 1)
		left <- nil
		next := crashLeaving(f, v, left)
		synctest.Wait()
		next.wantState("hung", StateRunning)
		if err := next.Shutdown(f.Context()); err != nil {
			f.Error(err)
		}
	})
}

// TestForgivenIsRecorded holds that a start by hand ends the back-off in the next
// program too.
func TestForgivenIsRecorded(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		f.do(f.Create(quiet("web")))
		for range 8 {
			time.Sleep(9 * time.Second)
			synctest.Wait()
			if c := l.child("web-1"); c != nil {
				c.end(process.Status{ExitStatus: 1})
			}
		}
		time.Sleep(time.Minute)
		f.do(f.Start("web"))
		var r slotRecord
		if err := json.Unmarshal(v.Records()["s1.1"], &r); err != nil || r.State != running || r.Restarts != 0 {
			t.Errorf("recorded: %+v, %v", r, err)
		}
	})
}

// TestClockIsSetBack holds that nothing waits for longer than it would have, when the clock
// was set back by an hour while no program looked.
func TestClockIsSetBack(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		f.do(f.Create(quiet("web")))
		for range 2 { // the first is replaced at once
			l.child("web-1").end(process.Status{ExitStatus: 1})
			synctest.Wait()
		}
		f.wantState("web", StateBackoff)
		var r slotRecord
		if err := json.Unmarshal(v.Records()["s1.1"], &r); err != nil {
			t.Error(err)
		}
		r.RetryAt = r.RetryAt.Add(time.Hour)
		if err := v.Write(vault.Change{Key: "s1.1", Value: r.encode()}); err != nil {
			t.Fatal(err)
		}
		next := crash(f, v)
		defer next.Shutdown(f.Context())
		time.Sleep(NewTemplate("", "").Backoff.Max + time.Second)
		next.wantAlive("web-1")
	})
}

// TestPIDsAreNotGivenTwice holds that a pid of which no record is left is not another
// one's in the next program.
func TestPIDsAreNotGivenTwice(t *testing.T) {
	for name, test := range map[string]func(f *fixture, l *fakeLauncher){
		"what is detached and let go of": func(f *fixture, l *fakeLauncher) {
			f.do(f.Create(quiet("left", count(3), func(t *Template) { t.Detach = true })))
			f.do(f.Stop("left"))
		},
		"an instance of what is deleted, before the others have stopped": func(f *fixture, l *fakeLauncher) {
			l.stopFor = time.Minute
			f.do(f.Create(quiet("web", count(3))))
			f.do(f.Delete("web"))
			l.child("web-3").end(process.Status{})
		},
		"a slot that is no more": func(f *fixture, l *fakeLauncher) {
			f.do(f.Create(quiet("left", count(3), func(t *Template) { t.Detach = true })))
			_, o, err := f.Scale("left", 1)
			f.do(o, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
				test(f, l)
				synctest.Wait()
				next := crash(f, v)
				defer next.Shutdown(f.Context())
				next.do(next.Create(quiet("next")))
				if got := next.Instances(); len(got) == 0 || got[len(got)-1].PID != 4 {
					t.Errorf("%+v, want the pid 4, for 3 were given", got)
				}
			})
		})
	}
}

// TestUpdatedWhileStarting holds that the next worker replaces an instance of which it was
// known when the last one died that it is of the description before.
func TestUpdatedWhileStarting(t *testing.T) {
	crashing(t, func(f *fixture, l *fakeLauncher, v *vault.Vault) {
		f.do(f.Create(quiet("left")))
		l.takes = time.Hour
		l.child("left-1").end(process.Status{ExitStatus: 1})
		synctest.Wait()
		f.wantState("left", StateStarting)
		f.do(f.Update("left", quiet("left", command("/bin/other"))))
		left := make(chan error, 2)
		left <- nil // of the one that has ended
		left <- nil // the other one is there, with the old program
		l.takes = 0
		next := crashLeaving(f, v, left)
		defer next.Shutdown(f.Context())
		synctest.Wait()
		time.Sleep(time.Minute)
		if len(next.times) != 1 {
			t.Errorf("it was replaced %d times, want once", len(next.times))
		}
	})
}
