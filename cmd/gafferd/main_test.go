package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lastWords is how often polite says bye: as much as a log keeps in memory.
const lastWords = 200_000

// children are what the test binary does when it is started as one of them.
var children = map[string]func(){
	"gafferd": main,
	"stubborn": func() { // does not go when it is told to
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("up")
		select {}
	},
	"polite": func() { // has something to say at the end
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("up")
		<-c
		fmt.Print(strings.Repeat("bye ", lastWords) + "last")
	},
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv("TEST_CHILD")]; child != nil {
		child()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// child is the command that makes the test binary be a child, for a shell.
func child(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("env TEST_CHILD=%s %s", name, self)
}

// daemon is a gafferd that runs.
type daemon struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	exited chan struct{}
	stderr *watched
}

// command is gafferd with arguments, not started.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "TEST_CHILD=gafferd")
	return cmd
}

// start starts gafferd on a free port, unless args bind it elsewhere, and waits
// until it listens.
func start(t *testing.T, stdout io.Writer, args ...string) *daemon {
	t.Helper()
	if !strings.Contains(strings.Join(args, " "), "--bind") {
		args = append(args, "--bind=127.0.0.1:0")
	}
	return begun(t, command(t, args...), stdout)
}

// begun starts a gafferd and waits until it listens.
func begun(t *testing.T, cmd *exec.Cmd, stdout io.Writer) *daemon {
	t.Helper()
	d := &daemon{t: t, cmd: cmd, exited: make(chan struct{}), stderr: newWatched()}
	d.cmd.Stdout, d.cmd.Stderr = stdout, d.stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.exited)
		d.cmd.Wait() // the state says it all
	}()
	t.Cleanup(func() {
		d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.exited:
		case <-time.After(patience):
			d.cmd.Process.Kill()
			<-d.exited
		}
		if t.Failed() {
			t.Logf("stderr of gafferd:\n%s", d.stderr)
		}
	})
	d.url = d.stderr.wait(t, `listens on ([^ ,]+?)[,.] `)[1]
	return d
}

// wait waits for the end and returns the exit code.
func (d *daemon) wait() int {
	d.t.Helper()
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.t.Fatal("gafferd does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// killWorker kills the process that the keeper would replace, and returns when it
// has.
func (d *daemon) killWorker() {
	d.t.Helper()
	worker := d.worker()
	syscall.Kill(worker, syscall.SIGKILL)
	for end := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
		if now := d.worker(); now != 0 && now != worker {
			http.DefaultClient.CloseIdleConnections() // a POST to the dead one would not be repeated
			return
		}
		if time.Now().After(end) {
			d.t.Fatal("the worker is not replaced")
		}
	}
}

// worker is the worker's pid, 0 while there is none.
func (d *daemon) worker() int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.cmd.Process.Pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for pid := range strings.FieldsSeq(string(text)) {
			environ, _ := os.ReadFile("/proc/" + pid + "/environ")
			if n, err := strconv.Atoi(pid); err == nil && strings.Contains(string(environ), "GAFFER_KEEPER_FD=") {
				return n
			}
		}
	}
	return 0
}

func (d *daemon) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// get asks the daemon, over its own url.
func (d *daemon) get(path string) string {
	d.t.Helper()
	client, base := http.DefaultClient, d.url
	if socket, ok := strings.CutPrefix(d.url, "unix://"); ok {
		client, base = &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		}}, "http://localhost"
	}
	resp, err := client.Get(base + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(body)
}

// running waits for the first line of pid 1, and returns its os pid.
func (d *daemon) running() int {
	d.t.Helper()
	d.get("/watch/spawn?since=0")
	d.get("/streams/1/stdout?since=0")
	var osPid int
	text := d.get("/processes/1")
	field := regexp.MustCompile(`"os_pid": ?(\d+)`).FindStringSubmatch(text)
	if field == nil {
		d.t.Fatalf("no os_pid in %s", text)
	}
	fmt.Sscan(field[1], &osPid)
	return osPid
}

// gone fails the test if an os process is still there.
func gone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("os process %d is still there: %v", pid, err)
	}
}

// fails runs gafferd, which must end by itself, and returns what it says.
func fails(t *testing.T, code int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("gafferd %s exits with %d, want %d:\n%s", strings.Join(args, " "), got, code, &stderr)
	}
	return stderr.String()
}

// says fails the test if the text lacks one of the parts.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// file writes a file in a folder of the test's own and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// watched is a buffer in which one can wait for a text to appear.
type watched struct {
	mu    sync.Mutex // guards everything below
	text  bytes.Buffer
	grown chan struct{} // closed and replaced by Write
}

func newWatched() *watched { return &watched{grown: make(chan struct{})} }

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.grown)
	w.grown = make(chan struct{})
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// wait returns the first match of a pattern and its groups.
func (w *watched) wait(t *testing.T, pattern string) []string {
	t.Helper()
	timeout := time.After(patience)
	for re := regexp.MustCompile(pattern); ; {
		w.mu.Lock()
		found, grown := re.FindStringSubmatch(w.text.String()), w.grown
		w.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("nothing matches %s in:\n%s", pattern, w)
		}
	}
}
