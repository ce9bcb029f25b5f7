//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// limit is how long a test waits for what has to come.
const limit = 30 * time.Second

// terminal is a gaffer that runs on a terminal of its own, as its session's
// leader: to close the terminal is what closing a window is.
type terminal struct {
	t      *testing.T
	dir    string // of the Procfile
	keys   *os.File
	cmd    *exec.Cmd
	screen chan string // what is printed, as it comes; closed at the end
	seen   string      // all of it
	at     int         // where until goes on
}

// onTerminal runs gaffer in a folder with a Procfile. Each command in it that
// says "$here" leaves its pid there, for nothingLeft.
func onTerminal(t *testing.T, procfile string, env []string, args ...string) *terminal {
	t.Helper()
	tt := &terminal{t: t, dir: t.TempDir(), screen: make(chan string)}
	if err := os.WriteFile(filepath.Join(tt.dir, "Procfile"), []byte(procfile), 0o600); err != nil {
		t.Fatal(err)
	}
	tt.cmd = exec.Command(os.Args[0], args...)
	tt.cmd.Dir = tt.dir
	tt.cmd.Env = append(os.Environ(), append([]string{"TEST_GAFFER=1", "GORACE=atexit_sleep_ms=0", "TERM=xterm", "NO_COLOR=", "here=echo $$ >> pids"}, env...)...)
	tt.keys = tt.start()
	go func() {
		defer close(tt.screen)
		for buffer := make([]byte, 4096); ; {
			n, err := tt.keys.Read(buffer)
			if n > 0 {
				tt.screen <- string(buffer[:n])
			}
			if err != nil {
				return // EIO, when the program has ended
			}
		}
	}()
	t.Cleanup(func() {
		tt.cmd.Process.Kill()
		tt.keys.Close()
		for range tt.screen {
		}
	})
	return tt
}

// start runs the command on a new terminal and gives back its other end.
func (tt *terminal) start() *os.File {
	tt.t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		tt.t.Fatal(err)
	}
	defer tty.Close()
	// A Ctrl-C makes a terminal forget what it has not shown yet, unless it is
	// told not to: that could be just what a test waits for.
	stty := exec.Command("stty", "noflsh", "cols", "100")
	stty.Stdin = tty
	if out, err := stty.CombinedOutput(); err != nil {
		tt.t.Fatalf("%v: %s", err, out)
	}
	tt.cmd.Stdin, tt.cmd.Stdout, tt.cmd.Stderr = tty, tty, tty
	tt.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := tt.cmd.Start(); err != nil {
		tt.t.Fatal(err)
	}
	return pollable(tt.t, keys)
}

// pollable is f such that closing it ends a read. What pty makes is closed in
// truth only when its reader has read something.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "terminal")
}

// until waits for text behind what was waited for before.
func (tt *terminal) until(text string) {
	tt.t.Helper()
	timeout := time.After(limit)
	for {
		if i := strings.Index(tt.seen[tt.at:], text); i >= 0 {
			tt.at += i + len(text)
			return
		}
		select {
		case more, ok := <-tt.screen:
			if !ok {
				tt.t.Fatalf("ended without %q: %s", text, tt.seen)
			}
			tt.seen += more
		case <-timeout:
			tt.t.Fatalf("no %q in %s", text, tt.seen)
		}
	}
}

// shown waits for text anywhere on the screen.
func (tt *terminal) shown(text string) {
	tt.t.Helper()
	at := tt.at
	tt.at = 0
	tt.until(text)
	tt.at = max(at, tt.at)
}

const ctrlC = "\x03"

func (tt *terminal) press(keys string) {
	tt.t.Helper()
	if _, err := io.WriteString(tt.keys, keys); err != nil {
		tt.t.Fatal(err)
	}
}

// end waits for the exit code.
func (tt *terminal) end() int {
	tt.t.Helper()
	timeout := time.AfterFunc(limit, func() { tt.cmd.Process.Kill() })
	defer timeout.Stop()
	for more := range tt.screen {
		tt.seen += more
	}
	err := tt.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Sys().(syscall.WaitStatus).Signaled() {
		tt.t.Fatalf("killed by %v: %s", exit.Sys().(syscall.WaitStatus).Signal(), tt.seen)
	}
	return tt.cmd.ProcessState.ExitCode()
}

// nothingLeft looks for the processes that have left their pids, of which there
// must have been n.
func (tt *terminal) nothingLeft(n int) {
	tt.t.Helper()
	text, err := os.ReadFile(filepath.Join(tt.dir, "pids"))
	if err != nil {
		tt.t.Fatal(err)
	}
	pids := strings.Fields(string(text))
	if len(pids) != n {
		tt.t.Errorf("%d processes have run, want %d", len(pids), n)
	}
	for _, s := range pids {
		pid, err := strconv.Atoi(s)
		if err != nil {
			tt.t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			tt.t.Errorf("os pid %d is still there: %v", pid, err)
		}
	}
}

// five is an application of five services, each with a child of its own that
// has left its group.
const five = `db: setsid sh -c 'eval "$here"; echo db on $PORT; exec sleep 1000' & eval "$here"; exec sleep 1000
cache: eval "$here"; echo cache on $PORT; exec sleep 1000
web: eval "$here"; echo web on $PORT; sleep 1000; true
worker: test -e crashed || { touch crashed; echo oh no; exit 3; }; eval "$here"; echo works; exec sleep 1000
mail: eval "$here"; echo mail on $PORT; exec sleep 1000
`

var services = []string{"db.1", "cache.1", "web.1", "worker.1", "mail.1"}

func TestFiveServices(t *testing.T) {
	tt := onTerminal(t, five, nil, "start", "--restart")
	for _, text := range []string{"db on 5000", "cache on 5100", "web on 5200", "mail on 5400", "exited with status 3", "works"} {
		tt.shown(text)
	}
	tt.press(ctrlC)
	tt.until("stopping everything: interrupt, Ctrl-C again kills")
	if code := tt.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	tt.nothingLeft(6)

	at := 0
	for _, name := range services {
		i := strings.Index(tt.seen, name+strings.Repeat(" ", len("worker.1")-len(name))+" |\x1b[0m started as")
		if i < at {
			t.Errorf("%s does not start in its turn", name)
		}
		at = i
	}
	at = len(tt.seen)
	for _, name := range services {
		i := strings.LastIndex(tt.seen, name+strings.Repeat(" ", len("worker.1")-len(name))+" |\x1b[0m ended by signal 15")
		if i < 0 || i > at {
			t.Errorf("%s does not stop in its turn", name)
		}
		at = i
	}
	if t.Failed() {
		t.Log(tt.seen)
	}
}

// TestTwoInterrupts: one service ignores the first. The second comes when it
// is told that this one is waited for.
func TestTwoInterrupts(t *testing.T) {
	tt := onTerminal(t, five+`stubborn: eval "$here"; trap "" TERM INT; echo ready; while :; do sleep 1000; done`, nil, "start", "--restart")
	tt.shown("ready")
	tt.shown("works")
	tt.press(ctrlC)
	tt.until("stopping: 6 left: ")
	tt.press(ctrlC)
	if code := tt.end(); code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
	if !strings.Contains(tt.seen, "gaffer: stopped at once: processes were killed") {
		t.Errorf("does not say that processes were killed: %s", tt.seen)
	}
	tt.nothingLeft(7)
}

// TestClosedTerminal has nobody left to see the end, so it asks the kernel.
func TestClosedTerminal(t *testing.T) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // if it is ignored here, gaffer ignores it too
	defer signal.Stop(hangup)
	tt := onTerminal(t, five, nil, "start", "--restart")
	for _, text := range []string{"db on 5000", "cache on 5100", "web on 5200", "works", "mail on 5400"} {
		tt.shown(text)
	}
	if err := tt.keys.Close(); err != nil {
		t.Fatal(err)
	}
	if code := tt.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	tt.nothingLeft(6)
}

// TestFailureEndsAll tells of a failure and stops everything else.
func TestFailureEndsAll(t *testing.T) {
	tt := onTerminal(t, five, nil, "start")
	if code := tt.end(); code != 3 {
		t.Errorf("exit %d, want that of the worker", code)
	}
	if !strings.Contains(tt.seen, "stopping everything: worker.1 exited with status 3") {
		t.Errorf("does not say why: %s", tt.seen)
	}
	for _, s := range strings.Fields(read(t, filepath.Join(tt.dir, "pids"))) {
		if pid, _ := strconv.Atoi(s); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			t.Errorf("os pid %s is still there", s)
		}
	}
}

// TestStalledOutput stops although nobody takes what it prints.
func TestStalledOutput(t *testing.T) {
	tt := &terminal{t: t, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(tt.dir, "Procfile"), []byte(`flood: echo $$ > pids; while :; do echo flood; done`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil { // until it is full
		_, err = w.Write(make([]byte, 4096))
	}
	cmd := exec.Command(os.Args[0], "start")
	cmd.Dir, cmd.Env, cmd.Stdout = tt.dir, append(os.Environ(), "TEST_GAFFER=1", "GORACE=atexit_sleep_ms=0"), w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(limit, func() { cmd.Process.Kill() }).Stop()
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if text, _ := os.ReadFile(filepath.Join(tt.dir, "pids")); len(text) > 0 {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	tt.nothingLeft(1)
}

// TestProgress shows how far it is, below the output, and takes that away.
func TestProgress(t *testing.T) {
	tt := onTerminal(t, "web: trap '' TERM; echo up; sleep 1000; true", []string{"NO_COLOR=1"}, "start", "-c", "web=12")
	for range 12 {
		tt.until("| up")
	}
	tt.press(ctrlC)
	tt.until("stopping: 12 left: web.1 web.2")
	tt.press("\x1c") // Ctrl-\
	if code := tt.end(); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(tt.seen, " of 12 run\r\x1b[K") {
		t.Errorf("no progress of starting: %q", tt.seen)
	}
	if strings.Contains(tt.seen, "\x1b[3") || strings.Contains(tt.seen, "\x1b[0") {
		t.Errorf("colours in spite of NO_COLOR: %q", tt.seen)
	}
	if last := tt.seen[strings.LastIndex(tt.seen, "stopping: "):]; !strings.Contains(last, "\r\x1b[K") {
		t.Errorf("the progress stays: %q", last)
	}
}

// TestRunOnTerminal hands the terminal on.
func TestRunOnTerminal(t *testing.T) {
	tt := onTerminal(t, "web: exit 0", nil, "run", "sh", "-c", "test -t 0 && test -t 1 && echo here; read line; echo got $line; trap 'exit 42' INT; echo ready; read line")
	tt.until("here")
	tt.press("a b\n")
	tt.until("got a b")
	tt.until("ready")
	tt.press(ctrlC)
	if code := tt.end(); code != 42 {
		t.Errorf("exit %d, want the command's 42", code)
	}
}

// TestLoadProgress: a line where many processes are loaded, on a terminal.
func TestLoadProgress(t *testing.T) {
	url, stop, err := startDaemon()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var procfile bytes.Buffer
	for i := range 12 {
		procfile.WriteString("p" + strconv.Itoa(i) + ": exec sleep 1000\n")
	}
	tt := onTerminal(t, procfile.String(), []string{"GAFFER_URL=" + url}, "load", "many")
	if code := tt.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"loading: 0 of 12\r\x1b[Kmany:p0 created\r\n\r\x1b[Kloading: 1 of 12", "\r\x1b[Kmany:p11 created\r\n"} {
		if !strings.Contains(tt.seen, want) {
			t.Errorf("no %q in %q", want, tt.seen)
		}
	}
	if !strings.HasSuffix(tt.seen, "many:p11 created\r\n") {
		t.Errorf("the progress stays: %q", tt.seen)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
