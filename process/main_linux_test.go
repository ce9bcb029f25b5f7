package process

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// childVariable makes this test binary one of the programs in programs.
const childVariable = "GAFFER_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		program, ok := programs[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such test program:", name)
			os.Exit(99)
		}
		program(os.Args[1:])
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// program is a Spec that runs one of programs.
func program(name string, args ...string) Spec {
	s := NewSpec("test", os.Args[0])
	s.Args = append([]string{}, args...)
	s.Env = map[string]string{childVariable: name}
	return s
}

// run starts s and has it gone when the test ends.
func run(t *testing.T, s Spec, o Options) *Process {
	t.Helper()
	p, err := Start(&s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill("test is over")
		wait(t, p.Done(), "the end of "+s.Name)
	})
	return p
}

// end waits for p's end and returns how it ended.
func end(t *testing.T, p *Process) Exit {
	t.Helper()
	wait(t, p.Done(), "the end of the process")
	return p.Exit()
}

// patience is how long a test waits for what should take no time. It says only
// when to give up.
const patience = 30 * time.Second

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("still waiting for %s\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// poll asks until the answer is yes.
func poll(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !yes(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("still waiting for ", what)
		}
	}
}

// log is p's stream with that label.
func log(t *testing.T, p *Process, label string) *streams.Log {
	t.Helper()
	l, err := p.Log(label)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// output is all of a stream; it waits for its end.
func output(t *testing.T, p *Process, label string) string {
	t.Helper()
	l := log(t, p, label)
	wait(t, l.Done(), "the end of "+label)
	data, missed := l.Read(0, 64<<20)
	if missed > 0 {
		t.Fatalf("%s: %d bytes are missing", label, missed)
	}
	return string(data)
}

// saying waits until a stream has said text.
func saying(t *testing.T, p *Process, label, text string) {
	t.Helper()
	l := log(t, p, label)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		end := l.End()
		data, _ := l.Read(0, 64<<20)
		if strings.Contains(string(data), text) {
			return
		}
		if err := l.Wait(ctx, end, 0); err != nil {
			t.Fatalf("%s ended or stalled without %q: %v; it said %q", label, text, err, data)
		}
	}
}

// collect reads a stream as it comes, of a process with Backpressure: so it
// gets all of it, however little is kept. The result waits for the end.
func collect(t *testing.T, p *Process, label string) (all func() string) {
	t.Helper()
	cursor := log(t, p, label).Subscribe(0)
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cursor.Close()
		for chunk, err := range cursor.All(t.Context()) {
			if err != nil || chunk.Missed > 0 {
				t.Errorf("%s: %v, %d bytes missed", label, err, chunk.Missed)
				return
			}
			text.Write(chunk.Data)
		}
	}()
	return func() string {
		t.Helper()
		wait(t, done, "the end of "+label)
		return text.String()
	}
}
