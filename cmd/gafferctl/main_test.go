package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/manager"
)

// TestMain is gafferctl itself where a test needs a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_GAFFERCTL") != "" {
		main()
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt, each against a daemon of its own. In them,
// "gafferctl <FILE ARGS" is a run whose standard input is FILE, and "eventually
// TEXT ARGS" repeats one until it prints TEXT.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			url, stop := newDaemon()
			env.Defer(stop)
			env.Setenv("GAFFER_URL", url)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gafferctl": func(ts *testscript.TestScript, neg bool, args []string) {
				stdin := ""
				if len(args) > 0 && strings.HasPrefix(args[0], "<") {
					stdin, args = ts.ReadFile(args[0][1:]), args[1:]
				}
				args = append([]string{"--connect", ts.Getenv("GAFFER_URL")}, args...)
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				code := run(ctx, args, strings.NewReader(stdin), ts.Stdout(), ts.Stderr())
				if neg == (code == exitOK) {
					ts.Fatalf("exit code %d", code)
				}
			},
			"eventually": func(ts *testscript.TestScript, neg bool, args []string) {
				var stdout bytes.Buffer
				for limit := time.Now().Add(20 * time.Second); !strings.Contains(stdout.String(), args[0]); {
					if time.Now().After(limit) {
						ts.Fatalf("no %q in %s", args[0], stdout.String())
					}
					stdout.Reset()
					run(context.Background(), append([]string{"--connect", ts.Getenv("GAFFER_URL")}, args[1:]...), strings.NewReader(""), &stdout, ts.Stderr())
				}
			},
		},
	})
}

// newDaemon is what gafferd is made of, on a real socket.
func newDaemon() (url string, stop func()) {
	quiet := slog.New(slog.DiscardHandler)
	m := manager.New(manager.Options{Logger: quiet})
	api := httpapi.New(m, httpapi.Options{Version: "1.2.3", Logger: quiet})
	s := httptest.NewUnstartedServer(api.Handler())
	s.Config.ConnContext = api.ConnContext
	s.Start()
	return s.URL, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		m.Shutdown(ctx)
		s.CloseClientConnections()
		s.Close()
	}
}

// serve starts a daemon for one test and makes it the one that gafferctl uses.
func serve(t *testing.T) (url string) {
	t.Helper()
	url, stop := newDaemon()
	t.Cleanup(stop)
	t.Setenv("GAFFER_URL", url)
	return url
}

// outcome is what a run of the program came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// gafferctl runs a command line to its end.
func gafferctl(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code := run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// must runs a command line that has to succeed and returns what it prints.
func must(t *testing.T, args ...string) string {
	t.Helper()
	o := gafferctl(t, "", args...)
	if o.code != exitOK {
		t.Fatalf("gafferctl %s: exit %d: %s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o.stdout
}

// following is a run that goes on until it is interrupted.
type following struct {
	mu     sync.Mutex // guards output
	output bytes.Buffer
	grown  chan struct{}

	stderr    bytes.Buffer // once done
	interrupt context.CancelFunc
	done      chan int
}

func follow(t *testing.T, args ...string) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{grown: make(chan struct{}, 1), interrupt: cancel, done: make(chan int, 1)}
	go func() { f.done <- run(ctx, args, strings.NewReader(""), f, &f.stderr) }()
	t.Cleanup(cancel)
	return f
}

func (f *following) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.output.Write(p)
	select {
	case f.grown <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (f *following) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.String()
}

// until waits for text in the output.
func (f *following) until(t *testing.T, text string) {
	t.Helper()
	f.untilCount(t, text, 1)
}

func (f *following) untilCount(t *testing.T, text string, n int) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for strings.Count(f.text(), text) < n {
		select {
		case <-f.grown:
		case code := <-f.done:
			f.done <- code
			if strings.Count(f.text(), text) >= n {
				return
			}
			t.Fatalf("ended with %d, without %q: %s%s", code, text, f.text(), f.stderr.String())
		case <-limit:
			t.Fatalf("no %q in %q", text, f.text())
		}
	}
}

// end waits for the exit code.
func (f *following) end(t *testing.T) int {
	t.Helper()
	select {
	case code := <-f.done:
		return code
	case <-time.After(20 * time.Second):
		t.Fatalf("does not end; printed %q", f.text())
		panic("unreachable")
	}
}

func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
