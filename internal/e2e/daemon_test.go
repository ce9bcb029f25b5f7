package e2e

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is for waits that end at once unless something is broken.
const limit = time.Minute

// daemon is a gafferd of one test's own. When the test ends it is stopped, and
// has to exit with 0 and leave no process behind.
type daemon struct {
	t    *testing.T
	url  string // http://127.0.0.1:PORT
	mark string // E2E_MARK in the environment of the daemon and all below it
	cmd  *exec.Cmd

	exited chan struct{} // closed when it has; err is valid then
	err    error
	killed bool // by the test

	mu  sync.Mutex // guards everything below
	log bytes.Buffer
}

// setup changes how a daemon is run.
type setup func(*exec.Cmd)

// start runs gafferd on a port of its own.
func start(t *testing.T, args ...string) *daemon {
	return startWith(t, nil, args...)
}

// shell runs gafferd in a shell after what is given: `ulimit -n 64`.
func shell(first string) setup {
	return func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"bash", "-c", first + ` && exec "$@"`, "bash"}, cmd.Args...)
		cmd.Path = "/bin/bash"
	}
}

func startWith(t *testing.T, change setup, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, mark: rand.Text(), exited: make(chan struct{})}
	d.cmd = exec.Command(filepath.Join(bin, "gafferd"), append([]string{"--bind", "127.0.0.1:0"}, args...)...)
	d.cmd.Env = append(os.Environ(), "E2E_MARK="+d.mark)
	if change != nil {
		change(d.cmd)
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go d.read(stderr, listening)
	t.Cleanup(d.stop)
	select {
	case d.url = <-listening:
	case <-d.exited:
		t.Fatalf("gafferd ended: %v\n%s", d.err, d.logged())
	case <-time.After(limit):
		t.Fatalf("gafferd does not listen\n%s", d.logged())
	}
	return d
}

var greeting = regexp.MustCompile(`listens on (http://[^\s,]+[0-9])`)

// read keeps the daemon's log, says where it listens and waits for its end.
func (d *daemon) read(stderr io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.mu.Lock()
		d.log.WriteString(lines.Text() + "\n")
		d.mu.Unlock()
		if m := greeting.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case listening <- m[1]:
			default:
			}
		}
	}
	d.err = d.cmd.Wait()
	close(d.exited)
}

// logged is what the daemon has written to its log so far.
func (d *daemon) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *daemon) addr() string { return strings.TrimPrefix(d.url, "http://") }

// alive fails the test if the daemon is not there any more.
func (d *daemon) alive() {
	d.t.Helper()
	select {
	case <-d.exited:
		d.t.Fatalf("gafferd ended: %v\n%s", d.err, d.logged())
	default:
	}
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(limit):
		_ = d.cmd.Process.Kill()
		<-d.exited
		d.t.Errorf("gafferd did not stop on SIGTERM")
	}
	if d.err != nil && !d.killed {
		d.t.Errorf("gafferd ended with %v", d.err)
	}
	if left := marked("E2E_MARK=" + d.mark); len(left) > 0 {
		d.t.Errorf("gafferd left processes behind: %s", describe(left))
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if d.t.Failed() {
		d.t.Logf("gafferd's log:\n%s", lastLines(d.logged(), 40))
	}
}

func lastLines(s string, n int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// describe names processes for a failure message.
func describe(pids []int) string {
	var b strings.Builder
	for _, pid := range pids {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		fmt.Fprintf(&b, "\n\t%d %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
	}
	return b.String()
}
