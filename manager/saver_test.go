package manager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for what comes without a sign.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// killed is what the next daemon finds if this one is killed now.
func killed(t *testing.T, dir string) string {
	t.Helper()
	for {
		after := filepath.Join(t.TempDir(), "state")
		err := os.CopyFS(after, os.DirFS(dir))
		if err == nil {
			return after
		}
		if !errors.Is(err, fs.ErrNotExist) { // one that was there has just taken another's place
			t.Fatal(err)
		}
	}
}

// revived is the Manager after that.
func revived(t *testing.T, dir string) *Manager {
	t.Helper()
	m, end := stateManager(t, killed(t, dir))
	t.Cleanup(end)
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatIsSavedOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer end()
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	asleep := childTemplate("web", "hang")
	asleep.Start = false
	other := asleep
	other.Env = map[string]string{"MANAGER_TEST_CHILD": "hang", "COLOR": "green"}
	state := func(m *Manager) string {
		t, err := m.Template("web")
		if err != nil {
			return "gone"
		}
		s, _ := m.Status("web")
		return fmt.Sprint(t.NumProcesses, t.Env["COLOR"], s.Active)
	}
	for _, change := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { _, err := m.Create(asleep); return err }},
		{"update", func() error { _, err := m.Update("web", other); return err }},
		{"start", func() error { _, err := m.Start("web"); return err }},
		{"scale", func() error { _, _, err := m.Scale("web", 2); return err }},
		{"stop", func() error { _, err := m.Stop("web"); return err }},
		{"delete", func() error { _, err := m.Delete("web"); return err }},
	} {
		if err := change.do(); err != nil {
			t.Fatal(change.name, err)
		}
		if err := m.Saved(t.Context()); err != nil {
			t.Fatal(change.name, err)
		}
		if got, want := state(revived(t, dir)), state(m); got != want {
			t.Errorf("after %s and a kill: %s, want %s", change.name, got, want)
		}
	}
}

// Many who wait at one time share the writes.
func TestSavesAreShared(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer end()
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	const n = 1000
	var all sync.WaitGroup
	gate := childTemplate("gate", "hang")
	gate.Start = false
	if _, err := m.Create(gate); err != nil {
		t.Fatal(err)
	}
	shut := &m.byName["gate"].mu
	shut.Lock() // nothing can be saved until all have come
	for i := range n {
		template := childTemplate(fmt.Sprint("web", i), "hang")
		template.Start = false
		if _, err := m.Create(template); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := m.Saved(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	before := m.options.State.writes.Load()
	shut.Unlock()
	all.Wait()
	if writes := m.options.State.writes.Load() - before; writes < 1 || writes > 20 {
		t.Errorf("%d writes for %d creates", writes, n)
	}
	if got := len(revived(t, dir).Names()); got != n+1 {
		t.Errorf("%d of %d are there after a kill", got, n+1)
	}
}

func TestSavedFails(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer end()
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(dir, "templates.json.new")
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	template := childTemplate("web", "hang")
	if _, err := m.Create(template); err != nil {
		t.Fatal(err)
	}
	if err := m.Saved(t.Context()); err == nil || !strings.Contains(err.Error(), "templates.json") {
		t.Errorf("saved: %v", err)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	// It is tried again without being asked.
	until(t, "it is written", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, templatesFile))
		return strings.Contains(string(text), `"web"`)
	})
}

// Exits that could not be written are tried again, also if somebody waits meanwhile
// for what has been written long ago.
func TestExitsAreTriedAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m, end := stateManagerWith(t, dir, Options{Launcher: &fakeLauncher{}, Environ: []string{}})
		defer end()
		if _, err := m.Restore(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveRetry / 2) // there is nothing left to write
		blocked := filepath.Join(dir, exitsFile+".new")
		must(t, os.Mkdir(blocked, 0o700))
		o, err := m.Create(quiet("web"))
		wait(t, o, err)
		o, err = m.Stop("web")
		wait(t, o, err)
		time.Sleep(saveRetry / 2) // that has been tried
		for range 3 {
			must(t, m.Saved(t.Context())) // the templates are there
		}
		must(t, os.Remove(blocked))
		time.Sleep(saveRetry)
		if text, err := os.ReadFile(filepath.Join(dir, exitsFile)); !strings.Contains(string(text), `"exit_status"`) {
			t.Errorf("the exit is not there: %v, %s", err, text)
		}
	})
}

// A pid that anybody has seen never comes again.
func TestPIDsOnlyGrow(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	pidOf := func(m *Manager) int {
		t.Helper()
		template := childTemplate(NewRunName(), "hang")
		template.RedirectOutput = []string{} // no file has its pid
		o, err := m.Create(template)
		wait(t, o, err)
		instances, err := m.InstancesOf(template.Name)
		if err != nil || len(instances) != 1 {
			t.Fatal(instances, err)
		}
		return instances[0].PID
	}
	first := pidOf(m)
	next, stop := stateManager(t, killed(t, dir))
	if got := pidOf(next); got <= first {
		t.Errorf("pid %d was given again: %d", first, got)
	}
	stop()
	// After an end in good order there is no gap.
	second := pidOf(m)
	end()
	m, end = stateManager(t, dir)
	defer end()
	if got := pidOf(m); second != first+1 || got != second+1 {
		t.Errorf("pids %d, %d, and then %d", first, second, got)
	}
}

// The disk knows of a pid before it is given, however many there are.
func TestPIDsAreReserved(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer end()
	for range 3 * pidBlock {
		pid := m.pids.next()
		m.saver.reserve(pid)
		m.saver.mu.Lock()
		ceiling := m.saver.ceiling
		m.saver.mu.Unlock()
		if ceiling < pid {
			t.Fatalf("pid %d is given, the disk knows of %d", pid, ceiling)
		}
	}
	if n := m.options.State.writes.Load(); n < 1 || n > 20 {
		t.Errorf("%d writes for %d pids", n, 3*pidBlock)
	}
}

// A daemon that cannot take over what was saved leaves it as it is.
func TestExitsOutliveAFailedStart(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Create(three("web")); err != nil {
		t.Fatal(err)
	}
	ended(t, m, 1)
	end()
	_, end = stateManager(t, dir) // whose file is wrong, say
	end()
	m, end = stateManager(t, dir)
	defer func() { end() }()
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	if exits, err := m.Exits("web"); err != nil || len(exits) == 0 || exits[0].PID != 1 {
		t.Errorf("exits %+v, %v", exits, err)
	}
}

// What is run once has an exit, and its output, even if the daemon did not live
// to see it.
func TestRunIsCutOff(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer func() { end() }()
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	run := NewTemplate(NewRunName(), "sh -c 'echo out; echo words >&2; exec sleep 1000'")
	inst, err := m.Run(t.Context(), run)
	must(t, err)
	must(t, m.Saved(t.Context()))
	file := m.options.State.logs.Files(run.Name)[0]
	until(t, "its output is on disk", func() bool { return file.Stdout().End() > 0 && file.Stderr().End() > 0 })
	next := revived(t, dir)
	exits, err := next.Exits(run.Name)
	if err != nil || len(exits) != 1 {
		t.Fatal(exits, err)
	}
	e := exits[0]
	if e.PID != inst.PID || e.OSPid != inst.OSPid || !e.StartedAt.Equal(inst.StartedAt) || e.Reason != lost || e.ExitStatus == 0 || e.EndedAt.IsZero() || !slices.Equal(e.Stderr, []string{"words"}) {
		t.Errorf("its exit is %+v", e)
	}
	if status, err := next.Status(run.Name); err != nil || status.Active {
		t.Errorf("its status is %+v, %v", status, err)
	}
	log, err := next.Log(inst.PID, "stdout")
	must(t, err)
	if data, missed := log.Read(0, 100); string(data) != "out\n" || missed != 0 {
		t.Errorf("its output is %q", data)
	}
	if err := syscall.Kill(inst.OSPid, 0); err != nil {
		t.Errorf("the test itself has ended it: %v", err)
	}
	// One that was seen to end has one exit, and no other.
	if _, err := m.Stop(run.Name); err != nil {
		t.Fatal(err)
	}
	ended(t, m, 1)
	end()
	end = func() {}
	if exits, err := revived(t, dir).Exits(run.Name); err != nil || len(exits) != 1 || exits[0].Reason != "stopped" {
		t.Errorf("exits %+v, %v", exits, err)
	}
}
