package manager

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// recorder is an app that notes what it sees.
type recorder struct {
	name    string
	journal *[]string // of all recorders of a test
	fails   error
	stays   bool // Stop takes until it may not any more

	work  sync.WaitGroup
	types []string
	last  error
}

func (r *recorder) Start(m *Manager) error {
	if r.fails != nil {
		return r.fails
	}
	*r.journal = append(*r.journal, "start "+r.name)
	events := m.Events().Subscribe(Pattern{proc: true}, m.Events().Last())
	r.work.Go(func() {
		for r.last == nil {
			var ev Event
			if ev, _, r.last = events.Next(context.Background(), 0); r.last == nil {
				r.types = append(r.types, ev.Type)
			}
		}
	})
	return nil
}

func (r *recorder) Stop(ctx context.Context) error {
	r.work.Wait()
	if r.stays {
		<-ctx.Done()
	}
	*r.journal = append(*r.journal, "stop "+r.name)
	return ctx.Err()
}

func TestApps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var journal []string
		m := New(Options{})
		a, b := &recorder{name: "a", journal: &journal}, &recorder{name: "b", journal: &journal}
		if err := m.StartApps(a, b); err != nil {
			t.Fatal(err)
		}
		web := NewTemplate("web", "true")
		web.Start = false
		if _, err := m.Create(web); err != nil {
			t.Fatal(err)
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(journal, want) {
			t.Errorf("what happened is %v, want %v", journal, want)
		}
		if want := []string{"create", "stop"}; !slices.Equal(a.types, want) || a.last != io.EOF {
			t.Errorf("an app sees %v, %v; want %v from before the first template to the end", a.types, a.last, want)
		}
		if err := m.StartApps(&recorder{journal: &journal}); !errors.Is(err, ErrClosed) {
			t.Errorf("an app of a manager that has shut down: %v, want ErrClosed", err)
		}
	})
}

func TestAppThatCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var journal []string
		m := New(Options{})
		first := &recorder{name: "first", journal: &journal, stays: true}
		if err := m.StartApps(first); err != nil {
			t.Fatal(err)
		}
		failure := errors.New("no paper")
		if err := m.StartApps(&unmoved{}, &recorder{journal: &journal, fails: failure}); !errors.Is(err, failure) {
			t.Errorf("StartApps: %v, want the app's error", err)
		}
		hurried, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Shutdown(hurried); err != nil {
			t.Fatal(err)
		}
		if want := []string{"start first", "stop first"}; !slices.Equal(journal, want) {
			t.Errorf("what happened is %v, want %v", journal, want)
		}
	})
}

// unmoved is an app that must be started before it is stopped.
type unmoved struct{ started bool }

func (u *unmoved) Start(*Manager) error { u.started = true; return nil }

func (u *unmoved) Stop(context.Context) error {
	if !u.started {
		panic("stopped before it was started")
	}
	return nil
}
