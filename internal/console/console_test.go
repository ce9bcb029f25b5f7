package console_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/console"
	"github.com/gafferd/gaffer/manager"
)

// children are what the test binary does when it is started as one of them.
var children = map[string]func(){
	"lines": func() {
		fmt.Println("one")
		fmt.Fprintln(os.Stderr, "two")
		fmt.Print("\nlast")
	},
	"colored": func() { fmt.Println("\x1b[31mred") },
	"counted": func() {
		for i := range 5_000 {
			fmt.Printf("line %d\n", i)
		}
	},
	"waiting": func() {
		fmt.Println("up")
		io.Copy(io.Discard, os.Stdin)
	},
	"failing": func() { os.Exit(3) },
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv("TEST_CHILD")]; child != nil {
		child()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// template runs a child once, in n instances.
func template(t *testing.T, name, child string, n int) manager.Template {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := manager.NewTemplate(name, self)
	p.Env = map[string]string{"TEST_CHILD": child}
	p.NumProcesses = n
	p.Restart = manager.RestartNever
	return p
}

// running starts a manager with templates, prints it to out, and gives back
// a function that waits until all instances have ended and all is printed.
func running(t *testing.T, out io.Writer, o console.Options, templates ...manager.Template) (finish func() error) {
	t.Helper()
	m := manager.New(manager.Options{})
	t.Cleanup(func() { m.Shutdown(context.Background()) })
	done := make(chan error, 1)
	c := console.New(m, out, o)
	exits, err := manager.ParsePattern("exit")
	if err != nil {
		t.Fatal(err)
	}
	ended := m.Events().Subscribe(exits, 0)
	go func() { done <- c.Run(t.Context()) }()
	if _, err := m.Load(templates); err != nil {
		t.Fatal(err)
	}
	return func() error {
		for _, p := range templates {
			for range p.NumProcesses {
				if _, _, err := ended.Next(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		return <-done
	}
}

// clock is what every line begins with.
var clock = regexp.MustCompile(`(?m)^(\x1b\[\d+m)?\d\d:\d\d:\d\d `)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	finish := running(t, &out, console.Options{}, template(t, "shop:web", "lines", 1))
	if err := finish(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := len(clock.FindAllString(text, -1)); n != 4 {
		t.Errorf("%d lines with a time, want 4:\n%s", n, text)
	}
	text = clock.ReplaceAllString(text, "")
	// The two streams are read side by side, so only each one's order is given.
	var stdout, stderr string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "two") {
			stderr += line
		} else {
			stdout += line
		}
	}
	if want := "shop:web.1 | one\nshop:web.1 |\nshop:web.1 | last\n"; stdout != want {
		t.Errorf("stdout is\n%swant\n%s", stdout, want)
	}
	if want := "shop:web.1 | two\n"; stderr != want {
		t.Errorf("stderr is\n%swant\n%s", stderr, want)
	}
}

func TestAlignedAndColored(t *testing.T) {
	var out bytes.Buffer
	short, long := template(t, "a", "colored", 1), template(t, "longer", "colored", 2)
	first := 0
	short.Priority = &first
	if err := running(t, &out, console.Options{Color: true}, short, long)(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		`(?m)^\x1b\[36m\d\d:\d\d:\d\d a\.1 +\|\x1b\[0m \x1b\[31mred\x1b\[0m$`,
		`(?m)^\x1b\[33m\d\d:\d\d:\d\d longer\.1 \|\x1b\[0m \x1b\[31mred\x1b\[0m$`,
		`(?m)^\x1b\[33m\d\d:\d\d:\d\d longer\.2 \|\x1b\[0m \x1b\[31mred\x1b\[0m$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no line matches %s in\n%q", want, text)
		}
	}
}

func TestEvents(t *testing.T) {
	var out bytes.Buffer
	missing := manager.NewTemplate("missing", "/nonexistent/program")
	missing.Restart = manager.RestartNever
	err := running(t, &out, console.Options{Events: true}, template(t, "web", "lines", 1), template(t, "bad", "failing", 1), missing)()
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		`(?s)web\.1 +\| started as os pid \d+\n.*web\.1 +\| last\n.*web\.1 +\| exited with status 0\n`,
		`(?s)bad\.1 +\| started as os pid \d+\n.*bad\.1 +\| exited with status 3\n`,
		`missing\.1 +\| .*no such file or directory\n`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing matches %s in\n%s", want, text)
		}
	}
}

// TestEveryLineOnce prints a flood, of which nothing may be lost, cut or mixed.
func TestEveryLineOnce(t *testing.T) {
	var out bytes.Buffer
	if err := running(t, &out, console.Options{}, template(t, "flood", "counted", 3))(); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var name string
		var n int
		if _, err := fmt.Sscanf(clock.ReplaceAllString(line, ""), "%s | line %d\n", &name, &n); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if n != next[name] {
			t.Fatalf("%s has line %d after %d", name, n, next[name]-1)
		}
		next[name]++
	}
	for _, name := range []string{"flood.1", "flood.2", "flood.3"} {
		if next[name] != 5_000 {
			t.Errorf("%d lines of %s, want 5000", next[name], name)
		}
	}
}

// brokenPipe fails from its second write on, and tells of it.
type brokenPipe struct {
	once   sync.Once
	failed chan struct{}
	writes int
}

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.writes++; b.writes == 1 {
		return len(p), nil
	}
	b.once.Do(func() { close(b.failed) })
	return 0, io.ErrClosedPipe
}

func TestBrokenOutput(t *testing.T) {
	out := &brokenPipe{failed: make(chan struct{})}
	if err := running(t, out, console.Options{}, template(t, "flood", "counted", 2))(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Run ends with %v, want the writer's error", err)
	}
	select {
	case <-out.failed:
	default:
		t.Error("nothing was written")
	}
	if out.writes > 3 {
		t.Errorf("%d writes, though the second failed", out.writes)
	}
}

// TestLateStart begins to print what runs already, and ends with its context.
func TestLateStart(t *testing.T) {
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	p := template(t, "web", "waiting", 1)
	p.RedirectInput = true
	o, err := m.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- console.New(m, w, console.Options{}).Run(ctx) }()
	buf := make([]byte, 100)
	n, err := r.Read(buf)
	if got := clock.ReplaceAllString(string(buf[:n]), ""); err != nil || got != "web.1 | up\n" {
		t.Errorf("printed %q, %v; want the line of a process that was there before", got, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run ends with %v when its context does, want nil", err)
	}
}

// TestSay prints notes among the output, and waits for nobody meanwhile.
func TestSay(t *testing.T) {
	m := manager.New(manager.Options{})
	r, w := io.Pipe() // takes nothing until it is read
	c := console.New(m, w, console.Options{Width: 6})
	done := make(chan error, 1)
	go func() { done <- c.Run(t.Context()) }()
	for i := range 3 {
		c.Say("gaffer", fmt.Sprint("note ", i))
		c.Status(fmt.Sprint("status ", i))
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() {
		w.CloseWithError(<-done)
	}()
	printed, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\r\x1b\[K|status \d`).ReplaceAllString(string(printed), "")
	if want := "gaffer | note 0\ngaffer | note 1\ngaffer | note 2\n"; clock.ReplaceAllString(text, "") != want {
		t.Errorf("printed %q, want %q", printed, want)
	}
	if i := strings.LastIndex(string(printed), "status "); i >= 0 && !strings.Contains(string(printed[i:]), "\r\x1b[K") {
		t.Errorf("a status stays: %q", printed)
	}
}
