package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/internal/badlink"
	"github.com/gafferd/gaffer/manager"
)

// numbers is a process that prints n numbered lines in each of its instances.
const numbers = `{"name": "shop:web", "numprocesses": %d, "cmd": "sh", "restart": "never",
	"args": ["-c", "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done"]}`

// checkNumbers fails unless text has every line of every instance once, and each
// instance's in order.
func checkNumbers(t *testing.T, text string, instances, count int) {
	t.Helper()
	next := map[string]int{}
	for line := range strings.Lines(text) {
		var name string
		var n int
		if _, err := fmt.Sscanf(line, "%s line %d\n", &name, &n); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if n != next[name] {
			t.Fatalf("%s: line %d, want %d", name, n, next[name])
		}
		next[name]++
	}
	if len(next) != instances {
		t.Errorf("lines of %d instances, want %d", len(next), instances)
	}
	for name, n := range next {
		if n != count {
			t.Errorf("%s has %d lines, want %d", name, n, count)
		}
	}
}

func TestLogsThroughCuts(t *testing.T) {
	const instances, count = 3, 1000
	url := serve(t)
	proxy := badlink.NewCutter(t, url, 30_000)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", fmt.Sprintf(numbers, instances, count)))
	for range 20 { // a daemon that is not there in the beginning is an error
		f := follow(t, "--connect", proxy.Address, "logs", "-f", "-n", "all", "shop:web")
		for strings.Count(f.text(), "\n") < instances*count && f.wait(t) {
		}
		f.interrupt()
		code := f.end(t)
		if code == exitUnreachable && f.text() == "" {
			continue
		}
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, f.stderr.String())
		}
		checkNumbers(t, f.text(), instances, count)
		if proxy.Cuts.Load() < 5 {
			t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
		}
		return
	}
	t.Error("it never began")
}

// wait waits for more output, and returns false at the end.
func (f *following) wait(t *testing.T) bool {
	t.Helper()
	select {
	case <-f.grown:
		return true
	case code := <-f.done:
		f.done <- code
		return false
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing more comes after %q", f.text())
		return false
	}
}

// lives is a daemon that can be restarted: another one, on the same state
// directory and the same address.
type lives struct {
	address string
	dir     string
	stop    func()
}

func newLives(t *testing.T) *lives {
	t.Helper()
	l := &lives{address: "127.0.0.1:0", dir: t.TempDir()}
	l.start(t)
	t.Setenv("GAFFER_URL", "http://"+l.address)
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *lives) start(t *testing.T) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	state, err := manager.OpenState(t.Context(), l.dir, manager.StateOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := manager.New(manager.Options{Logger: quiet, State: state})
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.address = listener.Addr().String()
	server := &http.Server{Handler: httpapi.New(m, httpapi.Options{Logger: quiet}).Handler()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(listener)
	}()
	l.stop = func() {
		server.Close()
		<-served
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		m.Shutdown(ctx)
		state.Close()
	}
}

func TestLogsOverRestarts(t *testing.T) {
	l := newLives(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json",
		`{"name": "web", "cmd": "sh", "args": ["-c", "echo begins; echo trouble >&2; exec sleep 1000"]}`))
	f := follow(t, "logs", "-f", "-n", "all", "web")
	f.untilCount(t, "begins\n", 1)
	f.untilCount(t, "trouble\n", 1)
	for life := 2; life <= 3; life++ {
		l.stop()
		l.start(t)
		f.untilCount(t, "begins\n", life)
		f.untilCount(t, "trouble\n", life)
	}
	f.interrupt()
	if code := f.end(t); code != exitOK {
		t.Errorf("exit code %d: %s", code, f.stderr.String())
	}
	if got := strings.Count(f.text(), "\n"); got != 6 {
		t.Errorf("%d lines, want 6:\n%s", got, f.text())
	}
	lost, back := strings.Count(f.stderr.String(), "trying again\n"), strings.Count(f.stderr.String(), "connected again\n")
	if lost != back || lost > 2 {
		t.Errorf("told %d times that the daemon is lost and %d times that it is back:\n%s", lost, back, f.stderr.String())
	}
	if got := must(t, "logs", "-n", "4", "web"); strings.Count(got, "begins\n") != 2 {
		t.Errorf("the last 4 lines are %q", got)
	}
}

// Several logs are shown as one: first what there is, in the order of time, then
// what comes.
func TestLogsOfSeveralApps(t *testing.T) {
	serve(t)
	for _, name := range []string{"a", "b", "c"} {
		must(t, "load_process", "--start", "--wait", write(t, "p.json", fmt.Sprintf(
			`{"name": %q, "cmd": "sh", "restart": "never", "redirect_input": true, "args": ["-c", "echo up; exec cat"]}`, name)))
		follow(t, "logs", "-f", name).until(t, "up\n")
	}
	f := follow(t, "logs", "-f", "-n", "2", "c", "a", "b")
	f.until(t, "[b-1] up\n[c-1] up\n")
	for i, name := range []string{"b", "a", "c"} {
		text := fmt.Sprintf("new %d\n", i)
		if o := gafferctl(t, text, "stdin", name); o.code != exitOK {
			t.Fatal(o.stderr)
		}
		f.until(t, "["+name+"-1] "+text)
	}
	f.interrupt()
	if code := f.end(t); code != exitOK || strings.Count(f.text(), "\n") != 5 || strings.Contains(f.text(), "[a-1] up") {
		t.Errorf("exit code %d, %q: %s", code, f.text(), f.stderr.String())
	}
}

// What is not there yet is waited for, which is told: it may be a mistake.
func TestLogsOfWhatIsToCome(t *testing.T) {
	serve(t)
	load := func(name string) {
		must(t, "load_process", "--start", "--wait", write(t, "p.json", fmt.Sprintf(`{"name": %q, "cmd": "sh", "args": ["-c", "echo up; exec sleep 1000"]}`, name)))
	}
	load("shop:web")
	f := follow(t, "logs", "-f", "shop:later", "shop:web-1")
	f.until(t, "[web-1] up\n")
	load("shop:later")
	f.until(t, "[later-1] up\n")
	f.interrupt()
	f.end(t)
	if told := f.stderr.String(); strings.Count(told, "\n") != 1 || !strings.Contains(told, "no process shop:later yet") {
		t.Errorf("told %q", told)
	}
}

// A pid is one instance: its log ends with it, however many follow.
func TestLogsOfAPid(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json",
		`{"name": "web", "cmd": "sh", "args": ["-c", "echo begins as $GAFFER_PID; exec sleep 1000"]}`))
	f := follow(t, "logs", "-f", "1")
	f.until(t, "[web-1] begins as 1\n")
	must(t, "kill", "1", "9")
	if code := f.end(t); code != exitOK || f.text() != "[web-1] begins as 1\n" {
		t.Errorf("exit code %d, %q: %s", code, f.text(), f.stderr.String())
	}
	follow(t, "logs", "-f", "web").until(t, "begins as 2\n")
	if got := must(t, "logs", "1"); got != "[web-1] begins as 1\n" {
		t.Errorf("once it has ended: %q", got)
	}
	if got := must(t, "logs", "-n", "1", "2"); got != "[web-1] begins as 2\n" {
		t.Errorf("the next: %q", got)
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2020, 5, 6, 7, 8, 9, 0, time.UTC)
	tests := []struct{ text, want string }{
		{"10m", "2020-05-06T06:58:09Z"}, {"1h30m", "2020-05-06T05:38:09Z"}, {"0s", "2020-05-06T07:08:09Z"}, {"7d", "2020-04-29T07:08:09Z"},
		{"2015-02-16T02:02:43.5+01:00", "2015-02-16T01:02:43Z"}, {"2015-02-16 02:02", "2015-02-16T02:02:00Z"},
		{"2015-02-16", "2015-02-16T00:00:00Z"}, {"03:04", "2020-05-06T03:04:00Z"}, {"03:04:05", "2020-05-06T03:04:05Z"},
	}
	for _, tt := range tests {
		got, err := parseMoment("--since", tt.text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != tt.want {
			t.Errorf("%s: got %v and %v, want %s", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"-1m", "d", "-1d", "soon", "10", "25:00", "2015-02-30"} {
		if got, err := parseMoment("--since", text, now); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}

// With a time to end at, what is followed ends then: an app, an instance, all.
func TestLogsUntil(t *testing.T) {
	serve(t)
	must(t, "add_process", "--start", "--wait", "web", "--", "sh", "-c", "echo up; exec sleep 1000")
	soon := time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)
	for _, args := range [][]string{{"web"}, {"1"}, {}, {"web", "web"}} {
		f := follow(t, append([]string{"logs", "-f", "--until", soon}, args...)...)
		if code := f.end(t); code != exitOK || f.stderr.Len() > 0 || !strings.Contains(f.text(), "[web-1] up\n") {
			t.Errorf("logs -f %q: exit %d, %q: %s", args, code, f.text(), f.stderr.String())
		}
	}
}
