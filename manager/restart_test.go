package manager

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/process"
)

func TestRestartPolicyDecides(t *testing.T) {
	for _, test := range []struct {
		restart Restart
		status  int
		alive   string
		state   string
		active  bool
	}{
		{RestartAlways, 0, "web-1", StateRunning, true},
		{RestartAlways, 1, "web-1", StateRunning, true},
		{RestartOnFailure, 0, "", StateStopped, false},
		{RestartOnFailure, 1, "web-1", StateRunning, true},
		{RestartNever, 0, "", StateStopped, false},
		{RestartNever, 1, "", StateFailed, false},
	} {
		bubble(t, &fakeLauncher{}, func(f *fixture) {
			f.do(f.Create(quiet("web", restarting(test.restart))))
			f.exit("web-1", test.status)
			f.wantAlive(test.alive)
			if st := f.wantState("web", test.state); st.Active != test.active {
				t.Errorf("%s after %d: active is %v", test.restart, test.status, st.Active)
			}
			f.over(f.do(f.Start("web")))
			f.wantAlive("web-1")
		})
	}
}

func TestBackoffGrowsAndIsCleared(t *testing.T) {
	l := &fakeLauncher{}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web")))
		f.exit("web-1", 1)
		f.wantAlive("web-1") // the first restart is immediate
		for _, nominal := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 24000} {
			nominal *= time.Millisecond // the last one as far below the maximum as others spread
			ended := time.Now()
			f.exit("web-1", 1)
			f.wantAlive("")
			st := f.wantState("web", StateBackoff)
			if pause := st.NextRetryAt.Sub(ended); pause < nominal || pause > 30*time.Second || pause > 5*nominal/4 {
				t.Errorf("a pause of %v, want %v and up to a quarter more", pause, nominal)
			}
			exits, err := f.Exits("web")
			if err != nil || !exits[len(exits)-1].NextRetryAt.Equal(st.NextRetryAt) {
				t.Errorf("%+v, %v", exits, err)
			}
			time.Sleep(time.Until(st.NextRetryAt) - time.Nanosecond)
			synctest.Wait()
			f.wantAlive("")
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			f.wantAlive("web-1")
		}
		f.exit("web-1", 1)
		if pause := time.Until(f.wantState("web", StateBackoff).NextRetryAt); pause > 30*time.Second || pause < 24*time.Second {
			t.Errorf("a pause of %v, want up to the maximum", pause)
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		f.exit("web-1", 1) // it lived for 10 s
		f.wantAlive("web-1")
	})
}

func TestBackoffCanBeTurnedOff(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", func(t *Template) { t.Backoff = Backoff{} })))
		for range 50 {
			f.exit("web-1", 1)
			f.wantAlive("web-1")
		}
	})
}

func TestStopAndStartDuringBackoff(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2))))
		f.exit("web-1", 1)
		f.exit("web-1", 1)
		f.wantAlive("web-2")
		f.over(f.do(f.Stop("web")))
		time.Sleep(time.Hour)
		synctest.Wait()
		f.wantAlive("")
		if st := f.wantState("web", StateStopped); !st.NextRetryAt.IsZero() {
			t.Errorf("%+v", st)
		}

		f.do(f.Start("web"))
		f.exit("web-1", 1)
		f.exit("web-1", 1)
		f.wantAlive("web-2")
		f.over(f.do(f.Start("web")))
		f.wantAlive("web-1 web-2")
		f.exit("web-1", 1) // and the back-off begins anew
		f.wantAlive("web-1 web-2")
	})
}

func TestScalingDownTakesAwayAPendingRestart(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2))))
		f.exit("web-2", 1)
		f.exit("web-2", 1)
		_, o, err := f.Scale("web", 1)
		f.over(f.do(o, err))
		time.Sleep(time.Hour)
		synctest.Wait()
		f.wantAlive("web-1")
	})
}

func TestFailedStart(t *testing.T) {
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		err := f.over(f.do(f.Create(quiet("web", command("/bin/missing")))))
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the operation says %v", err)
		}
		f.wantEvents("create web, start web, exit web 1, exit web 2") // the first retry is immediate
		st := f.wantState("web", StateBackoff)
		const why = "start web: exec /bin/missing: file does not exist"
		if st.LastError != why || st.NextRetryAt.IsZero() || !st.Active {
			t.Errorf("%+v", st)
		}
		exit, err := f.ExitOf(2)
		if err != nil || exit.OSPid != 0 || exit.ExitStatus != 127 || exit.Reason != why || !exit.NextRetryAt.Equal(st.NextRetryAt) {
			t.Errorf("%+v, %v", exit, err)
		}
		ev, _, err := f.Events().Subscribe(pattern(t, "proc", "web", "exit"), 0).Next(f.Context(), 0)
		if err != nil || ev.PID != 1 || ev.OSPid != 0 || ev.ExitStatus != 127 || ev.Reason != why {
			t.Errorf("%+v, %v", ev, err)
		}
		if _, err := f.Log(2, "stdout"); !errors.Is(err, process.ErrNoStream) {
			t.Error(err)
		}
		if _, err := f.Input(2, "stdin"); !errors.Is(err, process.ErrInputClosed) {
			t.Error(err)
		}
	})
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		f.do(f.Create(quiet("web", command("/bin/missing"), restarting(RestartNever), count(2))))
		f.wantEvents("create web, start web, exit web 1, exit web 2")
		f.wantState("web", StateFailed)
	})
}

// TestFailedStartOfWhatIsNotWanted stops and scales down while instances are being
// started that cannot be: that is no trouble of the later operation.
func TestFailedStartOfWhatIsNotWanted(t *testing.T) {
	for name, end := range map[string]func(f *fixture) (*Operation, error){
		"stop":       func(f *fixture) (*Operation, error) { return f.Stop("web") },
		"scale down": func(f *fixture) (*Operation, error) { _, op, err := f.Scale("web", 0); return op, err },
	} {
		bubble(t, &fakeLauncher{refuse: noSuch, takes: time.Second}, func(f *fixture) {
			if _, err := f.Create(quiet("web", command("/bin/missing"), count(3))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // the second one is being started
			op, err := end(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := op.Wait(f.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestFlapping(t *testing.T) {
	policy := Flapping{Attempts: 2, Window: time.Second, RetryIn: 7 * time.Second, MaxRetry: 2}
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2), flapping(policy))))
		f.events()
		for range 2 {
			f.exit("web-1", 1)
			f.exit("web-1", 1)
			st := f.wantState("web", StateFlapping)
			if st.Active || time.Until(st.NextRetryAt) != policy.RetryIn {
				t.Errorf("%+v", st)
			}
			f.wantAlive("")
			time.Sleep(policy.RetryIn)
			synctest.Wait()
			f.wantAlive("web-1 web-2")
		}
		f.wantEvents("exit web 1, spawn web 3, exit web 3, flap web, stop_pid web 2, exit web 2, spawn web 4, spawn web 5, " +
			"exit web 4, spawn web 6, exit web 6, flap web, stop_pid web 5, exit web 5, spawn web 7, spawn web 8")
		f.exit("web-1", 1)
		f.exit("web-1", 1)
		if st := f.wantState("web", StateFailed); st.Active || !st.NextRetryAt.IsZero() {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		f.wantAlive("")
		f.over(f.do(f.Start("web")))
		f.wantAlive("web-1 web-2")
	})
}

func TestStopWhileFlappingStaysStopped(t *testing.T) {
	policy := Flapping{Attempts: 1, Window: time.Second, RetryIn: 7 * time.Second, MaxRetry: -1}
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", flapping(policy))))
		f.exit("web-1", 1)
		exits, err := f.Exits("web")
		if err != nil || time.Until(exits[0].NextRetryAt) != policy.RetryIn {
			t.Errorf("%+v, %v", exits, err)
		}
		f.over(f.do(f.Stop("web")))
		time.Sleep(time.Hour)
		synctest.Wait()
		f.wantAlive("")
		f.wantState("web", StateStopped)
	})
}

func TestExitsAreKeptUpToTwenty(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", func(t *Template) { t.Backoff = Backoff{} })))
		for range 25 {
			f.exit("web-1", 3)
		}
		exits, err := f.Exits("web")
		if err != nil || len(exits) != 20 || exits[0].PID != 6 || exits[19].PID != 25 || exits[19].ExitStatus != 3 {
			t.Errorf("%+v, %v", exits, err)
		}
		if _, err := f.ExitOf(5); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if n := len(f.Manager.pids.byPID); n != 21 {
			t.Errorf("%d instances are known", n)
		}
	})
}
