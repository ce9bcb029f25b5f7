//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/gafferd/gaffer/internal/badlink"
)

// terminal is a gafferctl that runs on a terminal of its own.
type terminal struct {
	keys   *os.File
	screen chan string // what is printed, as it comes; closed at the end
	seen   string
	cmd    *exec.Cmd
}

func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_GAFFERCTL=1", "TERM=xterm")
	f, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	tt := &terminal{keys: f, screen: make(chan string), cmd: cmd}
	go func() {
		defer close(tt.screen)
		buffer := make([]byte, 4096)
		for failed := 0; failed < 2; {
			n, err := f.Read(buffer)
			if n > 0 {
				tt.screen <- string(buffer[:n])
			}
			if err != nil {
				failed++ // EIO, when the program has ended: the first may come before its last words
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		f.Close()
		for range tt.screen {
		}
	})
	return tt
}

// until waits for text on the screen and takes all up to it away.
func (tt *terminal) until(t *testing.T, text string) (before string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		if before, after, found := strings.Cut(tt.seen, text); found {
			tt.seen = after
			return before
		}
		select {
		case more, ok := <-tt.screen:
			if !ok {
				t.Fatalf("ended without %q: %q", text, tt.seen)
			}
			tt.seen += more
		case <-limit:
			t.Fatalf("no %q in %q", text, tt.seen)
		}
	}
}

func (tt *terminal) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(tt.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// end waits until the program has ended and returns the rest and its exit code.
func (tt *terminal) end(t *testing.T) (rest string, code int) {
	t.Helper()
	for more := range tt.screen {
		tt.seen += more
	}
	err := tt.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			t.Fatalf("killed by %v: %q", status.Signal(), tt.seen)
		}
	}
	return tt.seen, tt.cmd.ProcessState.ExitCode()
}

func TestAttachOnTerminal(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "upper", "cmd": "sh", "restart": "never", "redirect_input": true,
		"args": ["-c", "while read line; do echo \"[$line]\"; done; echo bye; exit 3"]}`))

	tt := onTerminal(t, "attach", "upper")
	tt.until(t, "Attached to pid 1. Ctrl-C detaches, Ctrl-D closes its input.\r\n")
	tt.press(t, "hello\n")
	tt.until(t, "hello\r\n[hello]\r\n") // what is typed, and the answer
	tt.press(t, "half a li\x03")        // Ctrl-C
	tt.until(t, "Detached. Pid 1 goes on.\r\n")
	if rest, code := tt.end(t); rest != "" || code != exitOK {
		t.Errorf("Ctrl-C: exit %d, and %q", code, rest)
	}

	tt = onTerminal(t, "attach", "--tail", "1", "1")
	tt.until(t, "[hello]\r\n")
	tt.press(t, "again\n")
	tt.until(t, "[again]\r\n")
	tt.press(t, "\x04") // Ctrl-D
	tt.until(t, "bye\r\n")
	if rest, code := tt.end(t); rest != "Pid 1 has ended: exit 3\r\n" || code != exitOK {
		t.Errorf("Ctrl-D: exit %d, and %q", code, rest)
	}
}

// Whoever types sees what is missing.
func TestTypedInputMayHaveAHole(t *testing.T) {
	url := serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", catJSON))
	v := badlink.NewValve(t, url)
	tt := onTerminal(t, "--connect", v.Address, "attach", "cat")
	tt.until(t, "Attached")
	tt.press(t, "first\n")
	tt.until(t, "first\r\nfirst\r\n")
	mixUp(t, url, v, func(line string) { tt.press(t, line) })
	tt.until(t, unsure+"\r\n")
	tt.until(t, "mine\r\ntheirs\r\n")
	tt.press(t, "more\n")
	tt.until(t, "more\r\nmore\r\n")
	tt.press(t, "\x04")
	tt.until(t, "Pid 1 has ended: exit 0\r\n")
}

func TestAttachedProcessIsKilled(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "cat", "cmd": "cat", "restart": "never", "redirect_input": true}`))
	tt := onTerminal(t, "attach", "cat")
	tt.until(t, "Attached")
	must(t, "kill", "cat", "9")
	tt.until(t, "Pid 1 has ended: signal 9\r\n")
	if _, code := tt.end(t); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestTableOnTerminal(t *testing.T) {
	serve(t)
	must(t, "add_process", "idle", "sleep 1000")
	must(t, "add_process", "web", "sleep 1000")
	must(t, "start", "--wait", "web")
	screen, code := onTerminal(t, "status").end(t)
	if code != exitOK || !strings.Contains(screen, "\x1b[1mNAME\x1b[") || !strings.Contains(screen, "\x1b[32mrunning\x1b[") || !strings.Contains(screen, "1/1") {
		t.Errorf("exit %d, %q", code, screen)
	}
	t.Setenv("NO_COLOR", "1")
	screen, _ = onTerminal(t, "status").end(t)
	if strings.Contains(screen, "\x1b") || !strings.Contains(screen, "running  1/1") {
		t.Errorf("with NO_COLOR: %q", screen)
	}
	if got, _ := onTerminal(t, "status", "web").end(t); got != "active\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestProgressOnTerminal(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "slow", "cmd": "sh", "args": ["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"], "graceful_timeout": 1}`))
	f := follow(t, "streams", "--tail", "all", "slow")
	f.until(t, "up")
	f.interrupt()
	tt := onTerminal(t, "stop", "--wait", "slow")
	tt.until(t, "stopping slow … 0s")
	tt.until(t, "\r\x1b[K")
	if rest, code := tt.end(t); !strings.HasSuffix(rest, "\r\x1b[Kok\r\n") || code != exitOK {
		t.Errorf("exit %d, %q", code, rest)
	}
}

// Whoever no longer waits is told that what was asked for goes on.
func TestWaitIsInterrupted(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "slow", "cmd": "sh", "args": ["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"], "graceful_timeout": 20}`))
	must(t, "add_process", "idle", "sleep 1000")
	f := follow(t, "streams", "--tail", "all", "slow")
	f.until(t, "up")
	f.interrupt()
	for _, names := range [][]string{{"slow"}, {"slow", "idle"}} {
		tt := onTerminal(t, append([]string{"stop", "--wait"}, names...)...)
		tt.until(t, "stopping slow")
		tt.press(t, "\x03")
		if rest, code := tt.end(t); code != exitFailed || !strings.Contains(rest, "gafferctl: interrupted: what was asked for goes on\r\n") {
			t.Errorf("exit %d, %q", code, rest)
		}
	}
	must(t, "kill", "slow", "9")
}

// The output of a process that does not run is waited for, and it may be in trouble.
func TestStreamsOfStopped(t *testing.T) {
	serve(t)
	must(t, "add_process", "web", "--", "sh", "-c", "echo up; exec sleep 1000")
	tt := onTerminal(t, "streams", "web")
	tt.until(t, "gafferctl: web is not running; waiting for it (gafferctl why web)")
	must(t, "start", "web")
	tt.until(t, "up")
	tt.press(t, "\x03")
	if _, code := tt.end(t); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// A name that there is not is waited for, but it may be mistyped.
func TestWatchOfNoProcess(t *testing.T) {
	serve(t)
	tt := onTerminal(t, "watch", "proc.wbe.exit")
	tt.until(t, "gafferctl: there is no process wbe yet; waiting for it")
	tt.press(t, "\x03")
	if rest, code := tt.end(t); code != exitOK || !strings.HasSuffix(rest, "^C\r\n") {
		t.Errorf("exit %d, %q", code, rest)
	}
}

func TestStdinIsInterrupted(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "cat", "cmd": "cat", "redirect_input": true}`))
	tt := onTerminal(t, "stdin", "cat")
	tt.press(t, "typed\n")
	f := follow(t, "streams", "--tail", "all", "1")
	f.until(t, "typed\n") // each line goes at once
	tt.press(t, "\x03")
	if rest, code := tt.end(t); code != exitFailed || !strings.Contains(rest, "gafferctl: interrupted\r\n") {
		t.Errorf("exit %d, %q", code, rest)
	}
}

func TestLogsOnTerminal(t *testing.T) {
	serve(t)
	none := onTerminal(t, "logs", "-f")
	none.until(t, "gafferctl: there are no processes yet; waiting for one\r\n")
	none.press(t, "\x03")
	if rest, code := none.end(t); code != exitOK || strings.Contains(rest, "interrupted") {
		t.Errorf("after Ctrl-C: exit %d, %q", code, rest)
	}
	must(t, "load_process", "--start", "--wait", write(t, "p.json",
		`{"name": "web", "numprocesses": 2, "cmd": "sh", "args": ["-c", "echo a fine line; echo a bad line >&2; exec sleep 1000"]}`))
	f := follow(t, "logs", "-f", "web")
	f.untilCount(t, "fine", 2)
	f.untilCount(t, "bad", 2)
	screen, code := onTerminal(t, "logs", "--grep", "line", "web").end(t)
	if code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"[web-1]\x1b[0m a fine \x1b[1;7mline\x1b[",
		"[web-2]\x1b[0m \x1b[31ma bad \x1b[0m\x1b[1;7mline\x1b[",
		"\x1b[36m[web-", "\x1b[33m[web-",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q in %q", want, screen)
		}
	}
	tt := onTerminal(t, "logs", "-f", "-n", "1", "--stderr", "web")
	tt.until(t, "a bad line")
	tt.press(t, "\x03")
	if rest, code := tt.end(t); code != exitOK || strings.Contains(rest, "interrupted") || !strings.HasSuffix(rest, "\r\n") {
		t.Errorf("after Ctrl-C: exit %d, %q", code, rest)
	}
}
