package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/process"
)

// children are what the test binary is when it runs as a child.
var children = map[string]func(){
	"hang": func() { select {} },
	"deaf": func() { signal.Ignore(syscall.SIGTERM); fmt.Println("up"); select {} },
	"tell": func() {
		fmt.Println("index", os.Getenv("GAFFER_INDEX"))
		fmt.Fprint(os.Stderr, "first\nlast words")
		os.Exit(3)
	},
	"echo": func() { io.Copy(os.Stdout, os.Stdin) },
	"flood": func() {
		for range floodSize / 100 {
			fmt.Printf("%99d\n", 0)
		}
	},
}

// floodSize is how much flood says.
const floodSize = 500_000

func TestMain(m *testing.M) {
	if child := children[os.Getenv("MANAGER_TEST_CHILD")]; child != nil {
		go func() { // select {} alone is a deadlock to the runtime
			time.Sleep(5 * time.Minute)
			os.Exit(1) // should a test have forgotten it
		}()
		child()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

func childTemplate(name, child string) Template {
	t := NewTemplate(name, os.Args[0])
	t.Args = []string{}
	t.Env = map[string]string{"MANAGER_TEST_CHILD": child}
	return t
}

// realManager is a Manager of real children, of which nothing is left after the test.
func realManager(t *testing.T) *Manager {
	m := New(Options{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		c := m.Events().Subscribe(pattern(t, "spawn"), 0)
		for {
			ev, _, err := c.Next(context.Background(), 0)
			if err != nil {
				return
			}
			if err := syscall.Kill(ev.OSPid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("os pid %d of %s is left: %v", ev.OSPid, ev.Name, err)
			}
		}
	})
	return m
}

// wait waits for an operation that must have worked.
func wait(t *testing.T, o *Operation, err error) {
	t.Helper()
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err = o.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// await is the next event that c is after.
func await(t *testing.T, c *EventCursor) Event {
	t.Helper()
	ev, _, err := c.Next(t.Context(), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestOutputOutlivesTheInstance(t *testing.T) {
	m := realManager(t)
	tmpl := childTemplate("web", "tell")
	tmpl.Restart = RestartNever
	exits := m.Events().Subscribe(pattern(t, "proc", "web", "exit"), 0)
	o, err := m.Create(tmpl)
	wait(t, o, err)
	ev := await(t, exits)
	if ev.PID != 1 || ev.ExitStatus != 3 || ev.OSPid == 0 || ev.Reason != process.ReasonExited {
		t.Errorf("%+v", ev)
	}
	log, err := m.Log(1, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := log.Read(0, 100); string(data) != "index 1\n" {
		t.Errorf("%q", data)
	}
	exit, err := m.ExitOf(1)
	if err != nil || strings.Join(exit.Stderr, "|") != "first|last words" || exit.OSPid != ev.OSPid {
		t.Errorf("%+v, %v", exit, err)
	}
	if labels, err := m.Labels(1); err != nil || len(labels) != 2 {
		t.Errorf("%v, %v", labels, err)
	}
	if _, err := m.Input(1, "stdin"); !errors.Is(err, process.ErrNotWritable) {
		t.Error(err)
	}

	// It goes with its process, but not from under a reader.
	reader := log.Subscribe(0)
	o, err = m.Delete("web")
	wait(t, o, err)
	if _, err := m.Log(1, "stdout"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if chunk, err := reader.Next(t.Context(), 0); err != nil || string(chunk.Data) != "index 1\n" {
		t.Errorf("%q, %v", chunk.Data, err)
	}
	reader.Close()
	if used := m.memory.Used(); used != 0 {
		t.Errorf("%d bytes are left of a deleted process", used)
	}
}

func TestKilledChildIsReplaced(t *testing.T) {
	m := realManager(t)
	o, err := m.Create(childTemplate("web", "hang"))
	wait(t, o, err)
	exits := m.Events().Subscribe(pattern(t, "exit"), 0)
	spawns := m.Events().Subscribe(pattern(t, "spawn"), 0)
	first := await(t, spawns)
	if err := m.Signal("web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if ev := await(t, exits); ev.PID != 1 || ev.TermSignal != 9 || ev.Reason != process.ReasonKilled {
		t.Errorf("%+v", ev)
	}
	second := await(t, spawns)
	inst, err := m.Instance(2)
	if err != nil || second.PID != 2 || inst.OSPid != second.OSPid || inst.OSPid == first.OSPid || inst.Index != 1 {
		t.Errorf("%+v, %v", inst, err)
	}
	stats, err := m.Stats(t.Context(), "web")
	if err != nil || len(stats) != 1 || stats[0].PID != 2 || stats[0].Stats.PID != inst.OSPid {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestShutdownKillsTheDeaf(t *testing.T) {
	m := realManager(t)
	o, err := m.Create(childTemplate("deaf", "deaf"))
	wait(t, o, err)
	log, err := m.Log(1, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Wait(t.Context(), 0, 20*time.Second); err != nil { // it ignores SIGTERM from here
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if exit, err := m.ExitOf(1); err != nil || exit.TermSignal != 9 {
		t.Errorf("%+v, %v", exit, err)
	}
}

func TestCommandThatDoesNotExist(t *testing.T) {
	m := realManager(t)
	tmpl := NewTemplate("web", "./no-such-program")
	o, err := m.Create(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Wait(ctx); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "no-such-program") {
		t.Error(err)
	}
	ev := await(t, m.Events().Subscribe(pattern(t, "exit"), 0))
	if ev.OSPid != 0 || ev.ExitStatus != 127 || !strings.Contains(ev.Reason, "no-such-program") {
		t.Errorf("%+v", ev)
	}
}

func TestManyRequestsOnRealChildren(t *testing.T) {
	m := realManager(t)
	tmpl := childTemplate("web", "hang")
	tmpl.NumProcesses = 2
	o, err := m.Create(tmpl)
	wait(t, o, err)
	for range 2 {
		disturb(t, m, "web", 200)
		n, _, err := m.Scale("web", rand.IntN(9))
		if err != nil {
			t.Fatal(err)
		}
		o, err := m.Start("web")
		wait(t, o, err)
		instances, err := m.InstancesOf("web")
		if err != nil || len(instances) != n {
			t.Fatalf("%d instances, %v; want %d", len(instances), err, n)
		}
		seen := map[int]bool{}
		for _, inst := range instances {
			if err := syscall.Kill(inst.OSPid, 0); err != nil || seen[inst.Index] || inst.Index > n {
				t.Errorf("%+v: %v", inst, err)
			}
			seen[inst.Index] = true
		}
		disturb(t, m, "web", 200)
		o, err = m.Stop("web")
		wait(t, o, err)
		if instances, err := m.InstancesOf("web"); err != nil || len(instances) != 0 {
			t.Errorf("%v, %v", instances, err)
		}
	}
}

// No goroutine is left of many lives.
func TestNoGoroutineIsLeft(t *testing.T) {
	run := func(lives int) {
		m := New(Options{})
		tmpl := childTemplate("web", "tell")
		tmpl.Backoff = Backoff{}
		exits := m.Events().Subscribe(pattern(t, "exit"), 0)
		o, err := m.Create(tmpl)
		wait(t, o, err)
		for range lives {
			await(t, exits)
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(1) // what is started once for all
	before := runtime.NumGoroutine()
	run(10)
	for start := time.Now(); time.Since(start) < 20*time.Second; runtime.Gosched() { // those that are about to return
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

// TestOutputMemory holds that an output keeps no more than its window, and all of them no
// more than there is memory for.
func TestOutputMemory(t *testing.T) {
	for name, o := range map[string]Options{
		"a window": {OutputWindow: 64 << 10},
		"a memory": {OutputMemory: 64 << 10},
	} {
		m := New(o)
		p := childTemplate("web", "flood")
		p.Restart = RestartNever
		op, err := m.Create(p)
		wait(t, op, err)
		log, err := m.Log(1, "stdout")
		if err != nil {
			t.Fatal(err)
		}
		<-log.Done()
		until(t, "what is too much is gone", func() bool { return log.End()-log.Start() <= 64<<10 })
		kept := log.End() - log.Start()
		if log.End() != floodSize || kept == 0 && o.OutputMemory == 0 { // of what has ended, all may have to go
			t.Errorf("%s: %d of %d bytes are kept", name, kept, log.End())
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
