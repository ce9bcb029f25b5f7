package manager

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// afterCrash is the manager of the next program, which finds an instance that ended in the
// time of the first one. It is pid 1.
func afterCrash(t *testing.T, template Template) *fixture {
	t.Helper()
	v := newVault(t)
	keeper := &fakeKeeper{forgotten: func(int) {}}
	m := New(Options{Launcher: keeper, Vault: v, Environ: []string{}})
	template.Restart = RestartNever
	if _, err := m.Create(template); err != nil {
		t.Fatal(err)
	}
	await(t, m.Events().Subscribe(pattern(t, "spawn"), 0))
	keeper.child("web-1").end(process.Status{})
	await(t, m.Events().Subscribe(pattern(t, "exit"), 0))
	there := make(chan error)
	close(there) // Started waits for nothing
	next := crashLeaving(&fixture{T: t, Manager: m, fakeLauncher: &keeper.fakeLauncher}, v, there)
	t.Cleanup(func() {
		for _, m := range []*Manager{m, next.Manager} {
			if err := m.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	return next
}

// afterRestart is the same after the daemon has been stopped and started, with a state
// directory.
func afterRestart(t *testing.T, template Template) *Manager {
	t.Helper()
	dir := t.TempDir()
	template.Restart = RestartNever
	m, end := stateManager(t, dir)
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Create(template); err != nil {
		t.Fatal(err)
	}
	await(t, m.Events().Subscribe(pattern(t, "exit"), 0))
	end()
	m, end = stateManager(t, dir)
	t.Cleanup(end)
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	return m
}

// The first output is the first one also of an instance that ended in an earlier program's
// time: a websocket that comes again goes on with the same.
func TestLabelsKeepTheirOrder(t *testing.T) {
	want := []string{"stdout", "stderr", "a"}
	template := NewTemplate("web", "/bin/fake")
	template.CustomStreams = want[2:]
	if labels, err := afterCrash(t, template).Labels(1); err != nil || !slices.Equal(labels, want) {
		t.Errorf("after a crash: %q, %v; want %q", labels, err, want)
	}
	if labels, err := afterRestart(t, childTemplate("web", "tell")).Labels(1); err != nil || !slices.Equal(labels, want[:2]) {
		t.Errorf("after a restart: %q, %v; want %q", labels, err, want[:2])
	}
}

// What can be written to, and why not, is the same of an instance that has ended, whoever
// has seen that.
func TestInputOfTheEnded(t *testing.T) {
	check := func(when string, m *Manager) {
		t.Helper()
		for label, want := range map[string]error{
			"stdin": process.ErrNotWritable, "out": process.ErrNotWritable, "a": process.ErrInputClosed, "nosuch": process.ErrNoStream,
		} {
			in, err := m.Input(1, label)
			if err == nil {
				_, _, err = in.Copy(t.Context(), strings.NewReader("x"), -1)
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", when, label, err, want)
			}
		}
	}
	template := childTemplate("web", "tell")
	template.RedirectOutput, template.CustomStreams = []string{"out", "out"}, []string{"a"}
	template.Restart = RestartNever
	m := realManager(t)
	o, err := m.Create(template)
	wait(t, o, err)
	await(t, m.Events().Subscribe(pattern(t, "exit"), 0))
	check("it has ended", m)
	check("after a crash", afterCrash(t, template).Manager)
	check("after a restart", afterRestart(t, template))
}

// So is why there is nothing to read under a label.
func TestLogOfTheEnded(t *testing.T) {
	for name, c := range map[string]struct {
		outputs []string
		want    map[string]error
	}{
		"two":    {[]string{"o", "e"}, map[string]error{"o": nil, "e": nil, "stdout": process.ErrNoStream, "stderr": process.ErrNoStream}},
		"one":    {[]string{"out"}, map[string]error{"out": nil, "stdout": process.ErrNoStream, "stderr": process.ErrNotRedirected}},
		"none":   {[]string{}, map[string]error{"stdout": process.ErrNotRedirected, "stderr": process.ErrNotRedirected, "out": process.ErrNoStream}},
		"merged": {[]string{"out", "out"}, map[string]error{"out": nil, "stderr": process.ErrNoStream, "stdin": process.ErrNoStream}},
	} {
		template := childTemplate("web", "tell")
		template.RedirectOutput, template.CustomStreams = c.outputs, []string{"a"}
		check := func(when string, m *Manager, custom error) {
			t.Helper()
			c.want["a"] = custom
			for label, want := range c.want {
				if _, err := m.Log(1, label); !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "could not be started") {
					t.Errorf("%s, %s: %s: %v, want %v", name, when, label, err, want)
				}
			}
		}
		check("after a crash", afterCrash(t, template).Manager, nil)
		check("after a restart", afterRestart(t, template), process.ErrNoStream)
	}
}

// What an instance has not said is as readable as what it has.
func TestLogOfTheSilent(t *testing.T) {
	template := NewTemplate("web", "/bin/true")
	check := func(when string, m *Manager) {
		t.Helper()
		for _, label := range template.RedirectOutput {
			log, err := m.Log(1, label)
			if err != nil {
				t.Errorf("%s: %s: %v", when, label, err)
				continue
			}
			if _, err := log.Subscribe(0).Next(t.Context(), 0); err != io.EOF {
				t.Errorf("%s: %s: %v, want its end", when, label, err)
			}
		}
	}
	check("after a crash", afterCrash(t, template).Manager)
	check("after a restart", afterRestart(t, template))
}

// A crash that nobody saw an instance end in does not make it one that never began.
func TestLogOfTheLost(t *testing.T) {
	v := newVault(t)
	keeper := &fakeKeeper{forgotten: func(int) {}}
	m := New(Options{Launcher: keeper, Vault: v, Environ: []string{}})
	if _, err := m.Create(NewTemplate("web", "/bin/fake")); err != nil {
		t.Fatal(err)
	}
	await(t, m.Events().Subscribe(pattern(t, "spawn"), 0))
	next := crash(&fixture{T: t, Manager: m, fakeLauncher: &keeper.fakeLauncher}, v)
	for label, want := range map[string]error{"stdout": process.ErrNoStream, "nosuch": process.ErrNoStream} {
		if _, err := next.Log(1, label); !errors.Is(err, want) || strings.Contains(err.Error(), "could not be started") {
			t.Errorf("%s: %v, want %v", label, err, want)
		}
	}
	for _, m := range []*Manager{m, next.Manager} {
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// What the lost have said is read from disk.
func TestDiskHasTheLost(t *testing.T) {
	dir := t.TempDir()
	archived(t, dir, 1, func(_ int, out *streams.Log) { fmt.Fprintln(out, "hello") })
	v := newVault(t)
	m := New(Options{Launcher: &fakeKeeper{forgotten: func(int) {}}, Vault: v, Environ: []string{}})
	template := NewTemplate("shop:web", "/bin/fake")
	template.Restart = RestartNever
	if _, err := m.Create(template); err != nil {
		t.Fatal(err)
	}
	await(t, m.Events().Subscribe(pattern(t, "spawn"), 0))
	left := copyOf(t, v)
	if err := m.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, end := stateManagerWith(t, dir, Options{Launcher: &fakeKeeper{forgotten: func(int) {}}, Vault: left, Environ: []string{}})
	defer end()
	if _, err := next.Resume("killed"); err != nil {
		t.Fatal(err)
	}
	log, err := next.Log(1, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	if text, missed := log.Read(0, 100); string(text) != "hello\n" || missed > 0 {
		t.Errorf("%q, and %d bytes are missed", text, missed)
	}
	if lines, _ := logsOf(t, next, "shop", LogQuery{}); len(lines) != 1 {
		t.Errorf("the app's log has %q", lines)
	}
}
