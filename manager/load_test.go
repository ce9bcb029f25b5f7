package manager

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoadGoesByPriority(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Second}, func(f *fixture) {
		o := f.do(f.Load([]Template{
			quiet("last"), quiet("b", priority(5)), quiet("first", priority(-1)), quiet("a", priority(5)),
			quiet("idle", priority(0), func(t *Template) { t.Start = false }), quiet("later"),
		}))
		if got := strings.Join(f.Names(), " "); got != "first idle b a last later" {
			t.Error(got)
		}
		if st := f.wantState("later", StateStarting); !st.Active {
			t.Errorf("%+v", st)
		}
		f.wantState("idle", StateStopped)
		f.wantEvents("create first, create idle, create b, create a, create last, create later, start first")
		for _, alive := range []string{"first-1", "a-1 b-1 first-1", "a-1 b-1 first-1 last-1 later-1"} {
			f.pending(o)
			time.Sleep(time.Second)
			synctest.Wait()
			f.wantAlive(alive)
		}
		if err := f.over(o); err != nil {
			t.Error(err)
		}
	})
}

// What is told to a template that waits for its batch counts at once.
func TestLoadGivesWay(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Second}, func(f *fixture) {
		o := f.do(f.Load([]Template{quiet("first", priority(0)), quiet("stopped"), quiet("started"), quiet("deleted"), quiet("waits")}))
		f.over(f.do(f.Stop("stopped")))
		f.do(f.Start("started"))
		f.over(f.do(f.Delete("deleted")))
		time.Sleep(time.Second)
		synctest.Wait()
		f.wantAlive("first-1 started-1")
		time.Sleep(time.Second)
		synctest.Wait()
		f.wantAlive("first-1 started-1 waits-1")
		f.over(o)
	})
}

func TestLoadTellsOfFailedStarts(t *testing.T) {
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		err := f.over(f.do(f.Load([]Template{quiet("bad", priority(0), command("/bin/missing")), quiet("good")})))
		if err == nil || !strings.HasPrefix(err.Error(), "start bad: ") {
			t.Error(err)
		}
		f.wantAlive("good-1")
	})
}

func TestLoadIsAllOrNothing(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("taken")))
		f.events()
		_, err := f.Load([]Template{quiet("good"), quiet("taken"), quiet("bad", restarting("often")), quiet("good"), quiet("many", count(10_001))})
		for _, want := range []error{ErrExists, ErrInvalid, ErrBadValue} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not %q", err, want)
			}
		}
		if n := strings.Count(err.Error(), "\n"); n != 3 {
			t.Errorf("%d mistakes are told: %v", n+1, err)
		}
		f.wantEvents("")
		f.over(f.do(f.Load(nil)))
	})
}

func TestShutdownDuringLoad(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Second}, func(f *fixture) {
		o := f.do(f.Load([]Template{quiet("first", priority(0)), quiet("second")}))
		if err := f.Shutdown(f.Context()); err != nil {
			t.Error(err)
		}
		if err := f.over(o); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if f.launches != 1 {
			t.Errorf("%d launches", f.launches)
		}
	})
}
