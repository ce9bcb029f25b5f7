package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestShutdownStopsInReverseOrder(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
		f.do(f.Load([]Template{quiet("db", priority(0), count(3)), quiet("cache", priority(1)), quiet("queue", priority(1)), quiet("web")}))
		start := time.Now()
		done := make(chan error)
		go func() { done <- f.Shutdown(context.Background()) }()
		for _, alive := range []string{"cache-1 db-1 db-2 db-3 queue-1 web-1", "cache-1 db-1 db-2 db-3 queue-1", "db-1 db-2 db-3"} {
			synctest.Wait()
			f.wantAlive(alive)
			for _, err := range []error{opErr(f.Start("web")), opErr(f.Create(quiet("x"))), opErr(f.Delete("web")), opErr(f.StopGroup("web", nil)), opErr(f.StopPID(1))} {
				if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
			time.Sleep(time.Second)
		}
		if err := <-done; err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		f.wantAlive("")
		if err := f.Shutdown(context.Background()); err != nil {
			t.Errorf("the second: %v", err)
		}
		if exits, err := f.Exits("web"); err != nil || len(exits) != 1 || exits[0].Reason != "shut down" {
			t.Errorf("%+v, %v", exits, err)
		}
		c := f.Events().Subscribe(pattern(t, "stop"), 0)
		for _, name := range []string{"web", "cache", "queue", "db"} {
			if ev, _, err := c.Next(f.Context(), 0); err != nil || ev.Name != name {
				t.Errorf("%+v, %v; want %s", ev, err, name)
			}
		}
		if _, _, err := c.Next(f.Context(), 0); err != io.EOF {
			t.Error(err)
		}
	})
}

func opErr(_ *Operation, err error) error { return err }

// Who waits for what a shutdown prevents is told so, and who waits for a stop, or for there to
// be fewer, that it has happened.
func TestShutdownPrevents(t *testing.T) {
	type commands []func(f *fixture) (*Operation, error)
	start := func(f *fixture) (*Operation, error) { return f.Start("web") }
	stop := func(f *fixture) (*Operation, error) { return f.Stop("web") }
	restart := func(f *fixture) (*Operation, error) { return f.Restart("web") }
	restartGroup := func(f *fixture) (*Operation, error) { return f.RestartGroup("web", nil) }
	update := func(f *fixture) (*Operation, error) { return f.Update("web", quiet("web", command("/bin/other"))) }
	scale := func(f *fixture) (*Operation, error) { _, o, err := f.Scale("web", 1); return o, err }
	remove := func(f *fixture) (*Operation, error) { return f.Delete("web") }
	for name, c := range map[string]struct {
		commands commands
		want     []error
	}{
		"restart":            {commands{restart}, []error{ErrClosed}},
		"group":              {commands{restartGroup}, []error{ErrClosed}},
		"update":             {commands{update}, []error{ErrClosed}},
		"scale down":         {commands{scale}, []error{nil}},
		"restart and scale":  {commands{restart, scale}, []error{ErrClosed, ErrClosed}},
		"scale and restart":  {commands{scale, restart}, []error{nil, ErrClosed}},
		"restart and update": {commands{restart, update}, []error{ErrClosed, ErrClosed}},
		"stop":               {commands{stop}, []error{nil}},
		"stop and start":     {commands{stop, start}, []error{nil, ErrClosed}},
		"restart and stop":   {commands{restart, stop}, []error{nil, nil}},
		"delete":             {commands{remove}, []error{nil}},
	} {
		bubble(t, &fakeLauncher{stopFor: 2 * time.Second}, func(f *fixture) {
			f.do(f.Create(quiet("web", count(2))))
			var ops []*Operation
			for _, command := range c.commands {
				ops = append(ops, f.do(command(f)))
			}
			if err := f.Shutdown(f.Context()); err != nil {
				t.Error(err)
			}
			for i, o := range ops {
				if err := f.over(o); !errors.Is(err, c.want[i]) {
					t.Errorf("%s: %d: %v, want %v", name, i, err, c.want[i])
				}
			}
		})
	}
}

func TestShutdownKillsWhenItsTimeIsOver(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: -1}, func(f *fixture) {
		f.do(f.Load([]Template{quiet("db", priority(0), graceful(time.Hour)), quiet("web", count(2), graceful(time.Hour))}))
		ctx, cancel := context.WithTimeout(f.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := f.Shutdown(ctx); err != nil || time.Since(start) > 4*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if exits, err := f.Exits("db"); err != nil || exits[0].TermSignal != 9 {
			t.Errorf("%+v, %v", exits, err)
		}
	})
}

// Those that were deleted and take their time are not forgotten.
func TestShutdownKillsTheDeleted(t *testing.T) {
	bubble(t, &fakeLauncher{stopFor: -1}, func(f *fixture) {
		for range 3 {
			f.do(f.Create(quiet("web", graceful(time.Hour))))
			f.do(f.Delete("web"))
		}
		f.do(f.Create(quiet("web", graceful(time.Hour))))
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

// A launch that hangs is given up when its instance has had its time to stop, and holds up
// no others, however many there are.
func TestHungLaunches(t *testing.T) {
	bubble(t, &fakeLauncher{hang: "hung"}, func(f *fixture) {
		for i := range 2 * maxLaunching {
			f.do(f.Create(quiet(fmt.Sprint("hung", i), graceful(3*time.Second))))
		}
		f.do(f.Create(quiet("web")))
		time.Sleep(3 * longLaunch) // as many as may be started at once give way to the others, twice
		f.wantAlive("web-1")
		f.wantState("hung0", StateStarting)
		f.do(f.Stop("hung1"))
		f.do(f.Start("hung1"))
		time.Sleep(5 * time.Second)
		f.wantState("hung1", StateStarting) // it is not given up, for it is wanted again
		start := time.Now()
		o := f.do(f.Stop("hung0"))
		if err := o.Wait(f.Context()); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("stopped after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

// What keeps a shutdown from being complete is named, also if it has no process yet.
func TestShutdownNamesAHungLaunch(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Hour}, func(f *fixture) {
		f.do(f.Create(quiet("web")))
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "pid 1 of web is still being started") {
			t.Errorf("it says %v", err)
		}
	})
}

func TestShutdownOfNothing(t *testing.T) {
	m := New(Options{})
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := m.Load([]Template{quiet("web")}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A slow launch holds up neither a stop nor a shutdown for longer than itself.
func TestStopDoesNotWaitForAllLaunches(t *testing.T) {
	l := &fakeLauncher{takes: 100 * time.Millisecond}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", count(5000))))
		time.Sleep(250 * time.Millisecond)
		start := time.Now()
		o, err := f.Stop("web")
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Wait(f.Context()); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited > 100*time.Millisecond || l.launches != 3*launchers {
			t.Errorf("waited %v, with %d launches", waited, l.launches)
		}
		f.wantAlive("")
	})
}

func TestTemplatesLaunchInParallel(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Second}, func(f *fixture) {
		var all []Template
		for i := range maxLaunching {
			all = append(all, quiet("p"+strconv.Itoa(i)))
		}
		start := time.Now()
		o := f.do(f.Load(all))
		if err := o.Wait(f.Context()); err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
