package manager

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/process"
)

// noSuch refuses to launch /bin/missing.
func noSuch(c process.Command) error {
	if c.Path == "/bin/missing" {
		return &fs.PathError{Op: "exec", Path: c.Path, Err: fs.ErrNotExist}
	}
	return nil
}

func TestRestartRolls(t *testing.T) {
	l := &fakeLauncher{stopFor: time.Second}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", count(3))))
		f.events()
		start := time.Now()
		o := f.do(f.Restart("web"))
		f.wantEvents("restart web, stop_pid web 1")
		for !isDone(o) {
			if st := f.wantState("web", StateRunning); st.Running != 2 {
				t.Errorf("%d run", st.Running)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		f.wantEvents("exit web 1, spawn web 4, stop_pid web 2, exit web 2, spawn web 5, stop_pid web 3, exit web 3, spawn web 6")
		if took := time.Since(start); took != 3*time.Second || l.most != 3 {
			t.Errorf("took %v, at most %d at once", took, l.most)
		}
		if exit, err := f.ExitOf(1); err != nil || exit.Reason != "restarted" {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

func isDone(o *Operation) bool {
	select {
	case <-o.Done():
		return true
	default:
		return false
	}
}

// A second restart begins the roll anew; slots already replaced are replaced
// once more, those not yet replaced only once.
func TestRestartWhileRolling(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(3))))
		first := f.do(f.Restart("web"))
		time.Sleep(1500 * time.Millisecond)
		second := f.do(f.Restart("web"))
		f.pending(first) // its place was taken: it is over with the second
		time.Sleep(5 * time.Second)
		synctest.Wait()
		f.over(first)
		f.over(second)
		if got := f.pidsOf("web"); got != "web-2:5 web-1:6 web-3:7" {
			t.Error(got)
		}
	})
}

func TestRestartStartsWhatIsStopped(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2))))
		stop := f.do(f.Stop("web"))
		o := f.do(f.Restart("web"))
		f.pending(stop) // its place was taken
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(stop)
		f.over(o)
		if got := f.pidsOf("web"); got != "web-1:3 web-2:4" && got != "web-2:3 web-1:4" {
			t.Error(got)
		}
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2))))
		f.events()

		f.over(f.do(f.Update("web", quiet("", count(3)))))
		f.wantEvents("update web, spawn web 3")
		f.over(f.do(f.Update("web", quiet("web", count(3), func(t *Template) { t.Start = false }))))
		f.wantEvents("update web")
		f.over(f.do(f.Update("web", quiet("web", count(3), func(t *Template) { t.Start = false })))) // again
		f.wantEvents("")

		o := f.do(f.Update("web", quiet("web", count(2), func(t *Template) { t.Env = map[string]string{"A": "b"} })))
		f.wantEvents("update web, reap web 3, stop_pid web 1")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		f.over(o)
		if got := f.pidsOf("web"); got != "web-1:4 web-2:5" || f.child("web-2").env["A"] != "b" {
			t.Error(got)
		}

		f.do(f.Stop("web"))
		time.Sleep(time.Second)
		synctest.Wait()
		f.events()
		f.over(f.do(f.Update("web", quiet("web", command("/bin/other")))))
		f.wantEvents("update web")
		f.wantAlive("")
		if _, err := f.Update("web", quiet("other")); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
		if tmpl, err := f.Template("web"); err != nil || tmpl.Cmd != "/bin/other" || tmpl.Name != "web" {
			t.Errorf("%+v, %v", tmpl, err)
		}
	})
}

// A description that cannot be started takes down one instance, not all.
func TestUpdateStopsAtASlotThatCannotStart(t *testing.T) {
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(3))))
		err := f.over(f.do(f.Update("web", quiet("web", count(3), command("/bin/missing")))))
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the operation says %v", err)
		}
		f.wantAlive("web-2 web-3")
		time.Sleep(time.Hour)
		f.wantAlive("web-2 web-3")
		if st := f.wantState("web", StateRunning); st.LastError == "" || st.NextRetryAt.IsZero() {
			t.Errorf("%+v", st)
		}
		if err := f.over(f.do(f.Update("web", quiet("web", count(3), command("/bin/good"))))); err != nil {
			t.Error(err)
		}
		f.wantAlive("web-1 web-2 web-3")
		if st := f.wantState("web", StateRunning); st.LastError != "" {
			t.Errorf("%+v", st)
		}
	})
}

// So it is when nobody tries again.
func TestUpdateStopsAtASlotThatFailedForGood(t *testing.T) {
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2), restarting(RestartNever))))
		err := f.over(f.do(f.Update("web", quiet("web", count(2), restarting(RestartNever), command("/bin/missing")))))
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the operation says %v", err)
		}
		f.wantAlive("web-2")
	})
}

func TestStopDuringRoll(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(5))))
		f.do(f.Restart("web"))
		time.Sleep(1500 * time.Millisecond)
		o := f.do(f.Stop("web"))
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(o)
		f.wantAlive("")
		f.over(f.do(f.Start("web")))
		if got := f.pidsOf("web"); got != "web-1:7 web-2:8 web-3:9 web-4:10 web-5:11" {
			t.Error(got)
		}
	})
}

// A roll that does not go on is no reason to take for done what does not wait for it.
func TestScaleWhileARollIsHalted(t *testing.T) {
	bubble(t, &fakeLauncher{takes: 100 * time.Millisecond, stopFor: 3 * time.Second, refuse: noSuch}, func(f *fixture) {
		web := func(cmd string) Template {
			return quiet("web", count(4), command(cmd), restarting(RestartNever))
		}
		scaled := func(n int) error {
			_, o, err := f.Scale("web", n)
			if err != nil {
				t.Fatal(err)
			}
			return o.Wait(f.Context())
		}
		o := f.do(f.Create(web("/bin/good")))
		if err := o.Wait(f.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.do(f.Update("web", web("/bin/missing"))).Wait(f.Context()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the update says %v", err)
		}
		if err := scaled(2); err != nil {
			t.Error(err)
		}
		f.wantAlive("web-2")
		if err := scaled(4); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("to have more of what cannot be started: %v", err)
		}
	})
}

// What becomes of an instance of the old description says nothing about the new one.
func TestUpdateIsNotJudgedByTheOldProgram(t *testing.T) {
	for _, restart := range []Restart{RestartNever, RestartOnFailure, RestartAlways} {
		bubble(t, &fakeLauncher{takes: time.Second, refuse: noSuch}, func(f *fixture) {
			f.do(f.Create(quiet("web", count(2), command("/bin/missing"))))
			time.Sleep(500 * time.Millisecond) // the first is being started
			o := f.do(f.Update("web", quiet("web", count(2), restarting(restart))))
			if err := o.Wait(f.Context()); err != nil {
				t.Errorf("%v: the update to a program that can be started says %v", restart, err)
			}
			f.wantAlive("web-1 web-2")
			if st := f.wantState("web", StateRunning); st.LastError != "" {
				t.Errorf("%v: %+v", restart, st)
			}
		})
		bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
			f.do(f.Create(quiet("web", count(3), restarting(restart))))
			o := f.do(f.Update("web", quiet("web", count(3), restarting(restart), command("/bin/other"))))
			f.exit("web-3", 0) // while the first is being stopped
			if err := o.Wait(f.Context()); err != nil {
				t.Error(err)
			}
			f.wantAlive("web-1 web-2 web-3")
		})
	}
}
