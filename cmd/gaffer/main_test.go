//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain is gaffer itself where a test needs a process of its own. Tests never
// call run for a command that starts processes: it takes every orphan for its own.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_GAFFER") != "" {
		main()
	}
	testscript.Main(tests{m}, map[string]func(){"gaffer": main})
}

// tests run with a folder for what they build, which is taken away in the end.
type tests struct{ *testing.M }

var builds string

func (t tests) Run() int {
	var err error
	if builds, err = os.MkdirTemp("", "gaffer"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(builds)
	return t.M.Run()
}

// TestScripts runs testdata/*.txt. The command gafferd in them starts the real
// one, for the script alone, or runs it with the arguments that it is given.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GAFFER_URL", "http://127.0.0.1:1") // nobody listens there
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gafferd": func(ts *testscript.TestScript, neg bool, args []string) {
				if len(args) > 0 {
					path, err := gafferd()
					ts.Check(err)
					if err := ts.Exec(path, args...); (err != nil) != neg {
						ts.Fatalf("gafferd %q: %v", args, err)
					}
					return
				}
				url, stop, err := startDaemon()
				ts.Check(err)
				ts.Defer(stop)
				ts.Setenv("GAFFER_URL", url)
				ts.Setenv("SOCKET", strings.TrimPrefix(url, "unix://"))
			},
		},
	})
}

// gafferd is the path of the built daemon.
var gafferd = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builds, "gafferd")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "../gafferd") // linked in half the time
	build.Env = append(os.Environ(), "CGO_ENABLED=0")                                // as make does
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// startDaemon starts a daemon on a socket of its own.
func startDaemon() (url string, stop func(), err error) {
	path, err := gafferd()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "g") // a socket's path must be short
	if err != nil {
		return "", nil, err
	}
	socket := filepath.Join(dir, "sock")
	cmd := exec.Command(path, "--bind", "unix:"+socket)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	said := bufio.NewScanner(stderr)
	for said.Scan() {
		if strings.Contains(said.Text(), "listens on") {
			break
		}
	}
	return "unix://" + socket, func() {
		cmd.Process.Signal(syscall.SIGTERM)
		for said.Scan() {
		}
		cmd.Wait()
		os.RemoveAll(dir)
	}, nil
}
