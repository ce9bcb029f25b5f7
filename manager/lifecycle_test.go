package manager

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/process"
)

func TestCreateStopStart(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		if err := f.over(f.do(f.Create(quiet("web", count(2))))); err != nil {
			t.Error(err)
		}
		f.wantAlive("web-1 web-2")
		f.wantEvents("create web, start web, spawn web 1, spawn web 2")
		want := Status{Active: true, Running: 2, NumProcesses: 2, State: StateRunning}
		if st := f.wantState("web", StateRunning); st != want {
			t.Errorf("%+v", st)
		}
		if child := f.child("web-2"); child.env["GAFFER_PID"] != "2" {
			t.Errorf("environment %v", child.env)
		}
		inst, err := f.Instance(2)
		if err != nil || inst.OSPid != 1002 || inst.Index != 2 || inst.Name != "web" || inst.State != "running" {
			t.Errorf("%+v, %v", inst, err)
		}

		f.over(f.do(f.Stop("web")))
		f.wantAlive("")
		f.wantEvents("stop web, stop_pid web 1, stop_pid web 2, exit web 1, exit web 2")
		f.wantState("web", StateStopped)
		if _, err := f.Instance(1); !errors.Is(err, ErrNotFound) {
			t.Errorf("a stopped instance: %v", err)
		}
		exits, err := f.Exits("web")
		if err != nil || len(exits) != 2 || exits[0].Reason != "stopped" || exits[0].TermSignal != 15 || !exits[0].NextRetryAt.IsZero() {
			t.Errorf("%+v, %v", exits, err)
		}

		f.over(f.do(f.Stop("web")))
		f.wantEvents("stop web")
		f.over(f.do(f.Start("web")))
		f.over(f.do(f.Start("web")))
		f.wantEvents("start web, spawn web 3, spawn web 4, start web")
	})
}

func TestCreateWithoutStart(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.over(f.do(f.Create(quiet("web", func(t *Template) { t.Start = false }))))
		f.wantAlive("")
		f.wantState("web", StateStopped)
		f.wantEvents("create web")
		if _, err := f.Create(quiet("web")); !errors.Is(err, ErrExists) || err.Error() != `process "web" already exists` {
			t.Error(err)
		}
	})
}

func TestScale(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(0))))
		f.wantState("web", StateRunning)
		n, o, err := f.Add("web", 3)
		f.over(f.do(o, err))
		f.events()
		if got := f.pidsOf("web"); n != 3 || got != "web-1:1 web-2:2 web-3:3" {
			t.Errorf("%d: %s", n, got)
		}

		n, o, err = f.Sub("web", 2)
		f.pending(f.do(o, err))
		f.wantEvents("update web, reap web 2, reap web 3")
		// Back up before they are gone: they are replaced in their slots.
		m, up, err := f.Scale("web", 2)
		f.pending(o)
		f.pending(f.do(up, err))
		f.wantEvents("update web")
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(o)
		f.over(up)
		if got := f.pidsOf("web"); n != 1 || m != 2 || got != "web-1:1 web-2:4" {
			t.Errorf("%d, %d: %s", n, m, got)
		}

		// What changes nothing is no update.
		_, o, err = f.Scale("web", 2)
		f.over(f.do(o, err))
		_, o, err = f.Add("web", 0)
		f.over(f.do(o, err))
		if got := f.events(); strings.Contains(got, "update") {
			t.Errorf("events: %s", got)
		}

		n, o, err = f.Sub("web", 5)
		f.do(o, err)
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(o)
		if n != 0 {
			t.Errorf("%d", n)
		}
		f.wantAlive("")
		for pid, reason := range map[int]string{1: "scaled down", 3: "scaled down"} {
			if exit, err := f.ExitOf(pid); err != nil || exit.Reason != reason {
				t.Errorf("%+v, %v", exit, err)
			}
		}
		if tmpl, err := f.Template("web"); err != nil || tmpl.NumProcesses != 0 {
			t.Errorf("%d, %v", tmpl.NumProcesses, err)
		}
	})
}

func TestNumbersBeyondTheLimitAreRefused(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web")))
		scale := func(op func(string, int) (int, *Operation, error), n int) error {
			_, _, err := op("web", n)
			return err
		}
		for _, err := range []error{
			scale(f.Scale, 10_001), scale(f.Scale, -1), scale(f.Add, 10_000), scale(f.Add, math.MaxInt),
			scale(f.Add, -1), scale(f.Sub, -1), scale(f.Scale, math.MaxInt), scale(f.Sub, math.MinInt),
		} {
			if !errors.Is(err, ErrBadValue) {
				t.Error(err)
			}
		}
		if _, err := f.Create(quiet("many", count(10_001))); !errors.Is(err, ErrBadValue) {
			t.Error(err)
		}
		if _, err := f.Update("web", quiet("web", count(10_001))); !errors.Is(err, ErrBadValue) {
			t.Error(err)
		}
		if st := f.wantState("web", StateRunning); st.NumProcesses != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestStopPIDIsReplaced(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2), restarting(RestartNever))))
		f.events()
		o := f.do(f.StopPID(1))
		if again := f.do(f.StopPID(1)); again != o {
			t.Error("two operations on the end of one instance")
		}
		f.pending(o)
		if inst, err := f.Instance(1); err != nil || inst.State != "stopping" || len(inst.Remaining) != 1 {
			t.Errorf("%+v, %v", inst, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(o)
		f.wantEvents("stop_pid web 1, exit web 1, spawn web 3")
		if got := f.pidsOf("web"); got != "web-2:2 web-1:3" {
			t.Error(got)
		}
		if _, err := f.StopPID(1); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := f.StopPID(99); !errors.Is(err, ErrNotFound) || err.Error() != "pid 99 not found" {
			t.Error(err)
		}
	})
}

func TestSignals(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2), restarting(RestartNever))))
		if err := f.SignalPID(1, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		f.wantAlive("web-2")
		exit, err := f.ExitOf(1)
		if err != nil || exit.TermSignal != 9 || exit.Reason != process.ReasonKilled || exit.OSPid != 1001 {
			t.Errorf("%+v, %v", exit, err)
		}
		if _, err := f.ExitOf(2); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if err := f.Signal("web", syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		f.wantAlive("")
		if err := f.Signal("web", syscall.SIGKILL); !errors.Is(err, process.ErrNotRunning) {
			t.Error(err)
		}
		if err := f.SignalPID(1, syscall.SIGKILL); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestDeleteFreesTheNameAtOnce(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: 2 * time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web", count(2))))
		f.events()
		gone := f.do(f.Delete("web"))
		if _, err := f.Status("web"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		f.wantEvents("stop web, stop_pid web 1, stop_pid web 2, delete web")
		time.Sleep(time.Second)
		second := f.do(f.Create(quiet("web")))
		f.wantState("web", StateStarting)
		f.pending(gone)
		f.pending(second)
		f.wantEvents("create web, start web")

		// The third waits for the first, although the second never began.
		f.over(f.do(f.Delete("web")))
		third := f.do(f.Create(quiet("web")))
		f.over(second)
		f.pending(third)
		f.events()
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(gone)
		f.over(third)
		f.wantEvents("exit web 1, exit web 2, spawn web 3")
		if _, err := f.ExitOf(1); !errors.Is(err, ErrNotFound) {
			t.Errorf("an exit of a deleted process: %v", err)
		}
		if len(f.Names()) != 1 {
			t.Error(f.Names())
		}
	})
}

func TestUnknownNames(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		op := func(_ *Operation, err error) error { return err }
		num := func(_ int, _ *Operation, err error) error { return err }
		_, exits := f.Exits("web")
		_, stats := f.Stats(f.Context(), "web")
		_, instances := f.InstancesOf("web")
		_, template := f.Template("web")
		_, log := f.Log(1, "stdout")
		_, labels := f.Labels(1)
		_, input := f.Input(1, "stdin")
		_, group := f.Group("web")
		for i, err := range []error{
			op(f.Start("web")), op(f.Stop("web")), op(f.Restart("web")), op(f.Delete("web")), op(f.Update("web", quiet("web"))),
			num(f.Add("web", 1)), num(f.Sub("web", 1)), num(f.Scale("web", 1)), f.Signal("web", 15), f.SignalPID(1, 15),
			op(f.StartGroup("web", nil)), op(f.StopGroup("web", nil)), op(f.RestartGroup("web", nil)), op(f.DeleteGroup("web", nil)),
			exits, stats, instances, template, log, labels, input, group,
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

func TestGroups(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		for _, name := range []string{"gb:b", "ga:b", "ga:a", "solo", "ga:x:y"} {
			f.do(f.Create(quiet(name)))
		}
		f.events()
		if got := f.Groups(); len(got) != 3 || got[0] != "gb" || got[1] != "ga" || got[2] != "solo" {
			t.Error(got)
		}
		if got, err := f.Group("ga"); err != nil || len(got) != 3 || got[0] != "ga:b" || got[1] != "ga:a" || got[2] != "ga:x:y" {
			t.Error(got, err)
		}
		f.over(f.do(f.StopGroup("ga", nil)))
		f.wantAlive("gb:b-1 solo-1")
		f.events()
		f.over(f.do(f.StartGroup("ga", nil)))
		f.over(f.do(f.RestartGroup("solo", nil)))
		f.over(f.do(f.DeleteGroup("ga", nil)))
		f.wantAlive("gb:b-1 solo-1")
		if got := f.Groups(); len(got) != 2 {
			t.Error(got)
		}
	})
}

func TestDetachedIsNeitherWatchedNorStopped(t *testing.T) {
	l := &fakeLauncher{}
	bubble(t, l, func(f *fixture) {
		f.over(f.do(f.Create(quiet("web", func(t *Template) { t.Detach = true }))))
		f.wantAlive("web-1")
		ev, _, err := f.Events().Subscribe(pattern(t, "spawn"), 0).Next(f.Context(), 0)
		if err != nil || !ev.Detached || ev.OSPid != 1001 {
			t.Errorf("%+v, %v", ev, err)
		}
		f.over(f.do(f.Stop("web")))
		f.wantAlive("web-1")
		f.wantState("web", StateStopped)
		f.wantEvents("create web, start web, spawn web 1, stop web")
		l.child("web-1").end(process.Status{})
	})
}

// What was run once can be started again. It is not forgotten while it runs, and then
// as long after its last end as after its first.
func TestRunIsStartedAgain(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		if _, err := f.Manager.Run(f.T.Context(), quiet("job")); err != nil {
			t.Fatal(err)
		}
		f.exit("job-1", 0)
		time.Sleep(45 * time.Minute)
		f.over(f.do(f.Start("job")))
		time.Sleep(30 * time.Minute)
		f.wantAlive("job-1")
		f.exit("job-1", 0)
		f.over(f.do(f.Restart("job")))
		f.over(f.do(f.Stop("job")))
		time.Sleep(59 * time.Minute)
		f.wantState("job", StateStopped)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if names := f.Names(); len(names) > 0 {
			t.Errorf("%v are listed", names)
		}
	})
}

// Who waits for a stop is not told that it is over because somebody scales meanwhile.
func TestOvertakenOperationIsOverWithTheLast(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.over(f.do(f.Create(quiet("web", count(2)))))
		stop := f.do(f.Stop("web"))
		f.scale("web", 3)
		f.scale("web", 4)
		f.pending(stop)
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(stop)
		f.wantAlive("")
	})
}

// How many wait for the last one has a bound.
func TestOvertakenOperationsAreFew(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Create(quiet("web")))
		first := f.do(f.Stop("web"))
		second := f.do(f.Start("web"))
		for range maxOvertaken {
			f.do(f.Start("web"))
		}
		f.over(first)
		f.pending(second)
		time.Sleep(time.Second)
		synctest.Wait()
		f.over(second)
	})
}

// Nor is he told that all is well if what was asked for last cannot be.
func TestOvertakenOperationFailsWithTheLast(t *testing.T) {
	l := &fakeLauncher{stopFor: time.Second}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", restarting(RestartNever))))
		first := f.do(f.Restart("web"))
		l.refuse = func(process.Command) error { return fs.ErrNotExist }
		second := f.do(f.Restart("web"))
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, o := range []*Operation{first, second} {
			if err := f.over(o); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}
