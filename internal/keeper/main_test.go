//go:build linux

package keeper

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is keeper, worker and child alike, as its environment says.
func TestMain(m *testing.M) {
	if os.Getenv(Variable) != "" {
		os.Exit(workers[os.Getenv("TEST_WORKER")]())
	}
	if os.Getenv("TEST_WORKER") != "" {
		if d, err := time.ParseDuration(os.Getenv("TEST_READY_TIME")); err == nil {
			readyTime = d
		}
		os.Exit(Run(os.Args, given()))
	}
	if pid := os.Getenv("TEST_TRACE"); pid != "" {
		os.Exit(trace(pid))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// given is what the keeper has from the beginning, if the environment says so. Then
// memory is collected all the time.
func given() map[string]*os.File {
	path := os.Getenv("TEST_GIVEN")
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			runtime.GC()
		}
	}()
	return map[string]*os.File{"given": f}
}

// daemon is a keeper under test.
type daemon struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser // of the workers too
	lines chan string    // what they print
}

func startKeeper(t *testing.T, worker string, env ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, cmd: exec.Command("/proc/self/exe"), lines: make(chan string, 1000)}
	d.cmd.Env = append(append(os.Environ(), "TEST_WORKER="+worker), env...)
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		d.cmd.Wait()
	})
	return d
}

// expect waits for a line that begins so and returns the rest.
func (d *daemon) expect(prefix string) string {
	d.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-d.lines:
			if !ok {
				d.t.Fatalf("no line %q came before the end", prefix)
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
		case <-timeout:
			d.t.Fatalf("no line %q came", prefix)
		}
	}
}

// exit waits for the keeper's end.
func (d *daemon) exit() int {
	d.t.Helper()
	done := time.AfterFunc(20*time.Second, func() { d.cmd.Process.Kill() })
	defer done.Stop()
	d.cmd.Wait()
	return d.cmd.ProcessState.ExitCode()
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func alive(pid int) bool { return unix.Kill(pid, 0) == nil }

// over returns when a child has ended.
func over(ch *Child) Status {
	status := make(chan Status)
	ch.OnEnd(func(s Status) { status <- s })
	return <-status
}
