package manager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func TestRunOnce(t *testing.T) {
	m := realManager(t)
	run := childTemplate(NewRunName(), "tell")
	run.Backpressure = true
	inst, err := m.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, m, 1)
	exit, err := m.ExitOf(inst.PID)
	if err != nil || exit.ExitStatus != 3 {
		t.Errorf("%+v, %v", exit, err)
	}
	if s, err := m.Status(run.Name); err != nil || s.Active {
		t.Errorf("%+v, %v", s, err)
	}
	run.Name = NewRunName()
	run.Cmd = "/no/such/program"
	if _, err := m.Run(t.Context(), run); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("started what is not there: %v", err)
	}
	if _, err := m.Template(run.Name); err == nil {
		t.Error("what could not be started is listed")
	}
}

// What floods at once is there in full for a reader who comes a little later.
func TestRunWaitsForItsReader(t *testing.T) {
	m := realManager(t)
	run := NewTemplate(NewRunName(), "head -c 50000000 /dev/zero")
	run.Backpressure = true
	inst, err := m.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	log, err := m.Log(inst.PID, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Wait(t.Context(), streams.DefaultMaxWindow-streams.DefaultWindow, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	c := log.Subscribe(0)
	defer c.Close()
	var got int
	for chunk, err := range c.All(t.Context()) {
		if err != nil || chunk.Missed > 0 {
			t.Fatal(chunk.Missed, err)
		}
		got += len(chunk.Data)
	}
	if got != 50_000_000 {
		t.Errorf("got %d bytes", got)
	}
}

func TestRunsAreForgotten(t *testing.T) {
	m := New(Options{RunHistory: 50 * time.Millisecond})
	defer m.Shutdown(t.Context())
	c := m.Events().Subscribe(pattern(t, "delete"), 0)
	if _, err := m.Run(t.Context(), childTemplate(NewRunName(), "tell")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Next(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if names := m.Names(); len(names) > 0 {
		t.Errorf("%v are listed", names)
	}
}

// runTold runs something once that prints and ends.
func runTold(t *testing.T, m *Manager) (name string, pid int) {
	t.Helper()
	name = NewRunName()
	c := m.Events().Subscribe(pattern(t, "proc", name, "exit"), 0)
	i, err := m.Run(t.Context(), three(name))
	must(t, err)
	if _, _, err := c.Next(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return name, i.PID
}

// What is run once is remembered for as long after its end as was promised, over
// lives of the daemon, and not longer, on disk either.
func TestRunsAreForgottenOverLives(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManagerWith(t, dir, Options{})
	_, err := m.Restore()
	must(t, err)
	name, pid := runTold(t, m)
	removed, _ := runTold(t, m)
	_, err = m.Delete(removed)
	must(t, err)
	end()
	if names := logFolders(t, dir); len(names) != 1 || names[0] != name {
		t.Errorf("on disk there are %v, want %s", names, name)
	}

	m, end = stateManagerWith(t, dir, Options{RunHistory: time.Hour})
	_, err = m.Restore()
	must(t, err)
	exits, err := m.Exits(name)
	if err != nil || len(exits) != 1 || exits[0].PID != pid || exits[0].Reason != "exited" {
		t.Errorf("%+v, %v", exits, err)
	}
	log, err := m.Log(pid, "stdout")
	must(t, err)
	if text, _ := log.Read(0, 100); string(text) != "one\ntwo\nthree\nunfinished" {
		t.Errorf("its output was %q", text)
	}
	if got, _ := logsOf(t, m, name, LogQuery{Tail: 1}); len(got) != 1 || !strings.HasSuffix(got[0], "unfinished") {
		t.Errorf("its logs are %q", got)
	}
	end()

	// By now it has been over for longer than this one remembers.
	m, end = stateManagerWith(t, dir, Options{RunHistory: time.Nanosecond})
	c := m.Events().Subscribe(pattern(t, "delete"), 0)
	_, err = m.Restore()
	must(t, err)
	if e, _, err := c.Next(t.Context(), 20*time.Second); err != nil || e.Name != name {
		t.Errorf("%+v, %v", e, err)
	}
	end()
	if names := logFolders(t, dir); len(names) > 0 {
		t.Errorf("on disk there are %v", names)
	}
}

// A daemon that was killed may have forgotten one, but not removed its output.
func TestLostRunsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	_, err := m.Restore()
	must(t, err)
	run, _ := runTold(t, m)
	_, err = m.Create(three("web"))
	must(t, err)
	if _, _, err := m.Events().Subscribe(pattern(t, "proc", "web", "exit"), 0).Next(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	end()
	must(t, os.Remove(filepath.Join(dir, templatesFile)))
	if names := logFolders(t, dir); len(names) != 2 || names[0] != run {
		t.Fatalf("on disk there are %v", names)
	}
	m, end = stateManager(t, dir)
	_, err = m.Restore()
	must(t, err)
	end()
	if names := logFolders(t, dir); len(names) != 1 || names[0] != "web" {
		t.Errorf("on disk there are %v", names)
	}
}

// logFolders are the apps that there are logs of on disk.
func logFolders(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "logs"))
	must(t, err)
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

// What was run once can be started, restarted, scaled and updated like any process.
func TestRunIsAProcess(t *testing.T) {
	over := func(f *fixture) {
		f.Helper()
		f.wantState("job", StateStopped)
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if names := f.Names(); len(names) > 0 {
			f.Errorf("%v is listed for ever", names)
		}
	}
	happens := func(f *fixture, o *Operation) {
		f.Helper()
		time.Sleep(time.Second) // in which what runs has stopped
		synctest.Wait()
		f.over(o)
	}
	goesOn := func(f *fixture, o *Operation) {
		f.Helper()
		happens(f, o)
		f.wantAlive("job-1")
		f.exit("job-1", 0)
	}
	for name, test := range map[string]func(f *fixture){
		"restarted": func(f *fixture) {
			goesOn(f, f.do(f.Restart("job")))
		},
		"started while it stops": func(f *fixture) {
			f.do(f.Stop("job"))
			goesOn(f, f.do(f.Start("job")))
		},
		"updated": func(f *fixture) {
			goesOn(f, f.do(f.Update("job", quiet("job", restarting(RestartNever), command("/bin/other")))))
		},
		"scaled": func(f *fixture) {
			_, o, err := f.Scale("job", 2)
			f.over(f.do(o, err))
			f.exit("job-1", 0)
			time.Sleep(2 * time.Hour)
			f.wantAlive("job-2")
			f.wantState("job", StateRunning)
			f.exit("job-2", 0)
		},
		"scaled down": func(f *fixture) {
			_, o, err := f.Scale("job", 0)
			happens(f, f.do(o, err))
		},
		"stopped": func(f *fixture) {
			happens(f, f.do(f.Stop("job")))
		},
		"essential": func(f *fixture) {
			f.exit("job-1", 3)
			select {
			case end := <-f.Essential():
				if end.Name != "job" || end.Exit.ExitStatus != 3 {
					f.Errorf("%+v", end)
				}
			default:
				f.Error("nobody is told of the end of what is essential")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, &fakeLauncher{stopFor: time.Second}, func(f *fixture) {
				job := quiet("job")
				job.Essential = name == "essential"
				if _, err := f.Manager.Run(f.Context(), job); err != nil {
					t.Fatal(err)
				}
				test(f)
				over(f)
			})
		})
	}
}
