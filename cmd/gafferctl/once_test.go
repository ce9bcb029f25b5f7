//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/badlink"
)

// apart starts gafferctl as a process of its own.
func apart(t *testing.T, stdin io.Reader, args ...string) (cmd *exec.Cmd, stdout io.Reader, stderr *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_GAFFERCTL=1")
	stderr = &bytes.Buffer{}
	cmd.Stdin, cmd.Stderr = stdin, stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, stderr
}

// await reads one line, which has to be want.
func await(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("got %q and %v, want %q", got[:n], err, want)
	}
}

// What is run once is part of the status while it runs.
func TestRunningOnceIsShown(t *testing.T) {
	serve(t)
	r, w := io.Pipe()
	cmd, stdout, _ := apart(t, r, "run", "cat")
	io.WriteString(w, "up\n")
	await(t, stdout, "up\n")
	for _, form := range []string{"table", "plain", "json"} {
		if got := must(t, "-o", form, "status"); strings.Count(got, "run-") != 1 || !strings.Contains(got, "running") || strings.Contains(got, "not shown") {
			t.Errorf("%s: while it runs: got %s", form, got)
		}
	}
	w.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got := must(t, "-o", "table", "status"); strings.Contains(got, "run-") || !strings.Contains(got, "not shown: 1 ") {
		t.Errorf("after its end: got %s", got)
	}
	if got := must(t, "-o", "json", "status"); got != "[]\n" {
		t.Errorf("after its end: got %s", got)
	}
}

func TestRunExitCodes(t *testing.T) {
	serve(t)
	tests := []struct {
		script string
		want   int
	}{
		{"exit 0", 0}, {"exit 1", 1}, {"exit 42", 42}, {"exit 255", 255}, {"kill -9 $$", 137}, {"kill -TERM $$", 143},
	}
	for _, tt := range tests {
		if o := gafferctl(t, "", "run", "--rm", "sh", "-c", tt.script); o.code != tt.want || o.stderr != "" {
			t.Errorf("%s: exit code %d, want %d: %s", tt.script, o.code, tt.want, o.stderr)
		}
	}
	if got := must(t, "processes"); got != "" {
		t.Errorf("with --rm these are left: %q", got)
	}
}

func TestRunCopiesBytes(t *testing.T) {
	serve(t)
	data := make([]byte, 3<<20)
	rand.Read(data)
	o := gafferctl(t, string(data), "run", "cat")
	if o.code != exitOK || o.stdout != string(data) {
		t.Errorf("exit code %d with %d bytes of %d: %s", o.code, len(o.stdout), len(data), o.stderr)
	}
}

// Input that nobody reads is no reason to wait, or to fail.
func TestRunWithoutReader(t *testing.T) {
	serve(t)
	endless, w := io.Pipe()
	defer w.Close()
	go func() {
		for _, err := w.Write(make([]byte, 64<<10)); err == nil; {
			_, err = w.Write(make([]byte, 64<<10))
		}
	}()
	r, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		io.Copy(pw, endless)
		pw.Close()
	}()
	cmd, _, stderr := apart(t, r, "run", "sh", "-c", "exec 0<&-; exit 5")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 5 || strings.Contains(stderr.String(), "gafferctl") {
		t.Errorf("exit code %d, want 5: %s", cmd.ProcessState.ExitCode(), stderr)
	}
	endless.Close()
}

func TestRunIsInterrupted(t *testing.T) {
	serve(t)
	tests := []struct {
		script string
		signal syscall.Signal
		want   int
	}{
		{"echo up; exec sleep 1000", syscall.SIGINT, 143},
		{"echo up; exec sleep 1000", syscall.SIGTERM, 143},
		{"trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done", syscall.SIGINT, 3},
	}
	for _, tt := range tests {
		cmd, stdout, stderr := apart(t, nil, "run", "sh", "-c", tt.script)
		await(t, stdout, "up\n")
		cmd.Process.Signal(tt.signal)
		rest, _ := io.ReadAll(stdout)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != tt.want || strings.Contains(stderr.String(), "gafferctl") {
			t.Errorf("%s: exit code %d, want %d: %s", tt.script, code, tt.want, stderr)
		}
		if strings.Contains(tt.script, "bye") && string(rest) != "bye\n" {
			t.Errorf("%s: the last words are %q", tt.script, rest)
		}
	}
}

// A program that does not stop is killed by the second Ctrl-C.
func TestRunIsKilled(t *testing.T) {
	serve(t)
	cmd, stdout, stderr := apart(t, nil, "run", "sh", "-c", "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done")
	await(t, stdout, "up\n")
	cmd.Process.Signal(os.Interrupt)
	await(t, stdout, "no\n")
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 137 || strings.Contains(stderr.String(), "gafferctl") {
		t.Errorf("exit code %d, want 137: %s", code, stderr)
	}
}

// So is what it has started, which does not end with it.
func TestRunIsKilledWithWhatItStarted(t *testing.T) {
	serve(t)
	cmd, stdout, stderr := apart(t, nil, "run", "sh", "-c", `trap "" INT TERM; sleep 1000 & echo up; wait`)
	await(t, stdout, "up\n")
	cmd.Process.Signal(os.Interrupt)
	name := strings.TrimSpace(must(t, "processes"))
	for limit := time.Now().Add(20 * time.Second); !strings.Contains(must(t, "-o", "plain", "status"), name+"\tstopping"); {
		if time.Now().After(limit) {
			t.Fatal("it is not stopped")
		}
	}
	begun := time.Now()
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code, took := cmd.ProcessState.ExitCode(), time.Since(begun); code != 137 || took > 8*time.Second {
		t.Errorf("exit code %d after %v, want 137 at once: %s", code, took, stderr)
	}
}

// Whose output is not wanted any more is stopped.
func TestRunOfBrokenPipe(t *testing.T) {
	serve(t)
	cmd, stdout, stderr := apart(t, nil, "run", "yes")
	await(t, stdout, "y\n")
	stdout.(io.Closer).Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 143 || strings.Contains(stderr.String(), "gafferctl") {
		t.Errorf("exit code %d, want 143: %s", code, stderr)
	}
	if got := must(t, "processes", "--running"); got != "" {
		t.Errorf("it runs still: %q", got)
	}
}

// It is also when it prints nothing, as it is noticed of whatever prints what comes.
func TestOutputThatNobodyReads(t *testing.T) {
	serve(t)
	must(t, "add_process", "--start", "--wait", "web", "--", "sh", "-c", "echo up; exec sleep 1000")
	tests := []struct {
		args  string
		shown string
		want  int
	}{
		{"run sleep 1000", "", 143},
		{"watch", "", exitFailed},
		{"streams web", "up\n", exitFailed},
		{"logs -f web", "[web-1] up\n", exitFailed},
	}
	for _, tt := range tests {
		cmd, stdout, stderr := apart(t, nil, strings.Fields(tt.args)...)
		await(t, stdout, tt.shown)
		stdout.(io.Closer).Close()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != tt.want || strings.Contains(stderr.String(), "gafferctl") {
			t.Errorf("%s: exit code %d, want %d: %s", tt.args, code, tt.want, stderr)
		}
	}
	// What prints what there is has done so.
	cmd, stdout, stderr := apart(t, nil, "logs", "web")
	await(t, stdout, "[web-1] up\n")
	stdout.(io.Closer).Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("logs: %v: %s", err, stderr)
	}
	if got := must(t, "processes", "--running"); got != "1\n" {
		t.Errorf("these run still: %q", got)
	}
}

func TestRunOnTerminal(t *testing.T) {
	serve(t)
	tt := onTerminal(t, "run", "sh", "-c", `while read line; do echo "[$line]"; done; exit 4`)
	tt.press(t, "hello\n")
	tt.until(t, "[hello]\r\n")
	tt.press(t, "\x04") // Ctrl-D
	if rest, code := tt.end(t); code != 4 {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestRunOnTerminalTellsWhatCtrlCDoes(t *testing.T) {
	serve(t)
	tt := onTerminal(t, "run", "sh", "-c", `trap "" INT TERM; sleep 1000 & echo up; wait`)
	tt.until(t, "up\r\n")
	tt.press(t, "\x03") // Ctrl-C
	tt.until(t, "stopping; Ctrl-C again kills it\r\n")
	tt.press(t, "\x03")
	if rest, code := tt.end(t); code != 137 {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestRunWithoutDaemon(t *testing.T) {
	o := gafferctl(t, "", "--connect", "http://127.0.0.1:1", "run", "true")
	if o.code != exitUnreachable || !strings.Contains(o.stderr, "start it with gafferd") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}

// A connection that breaks again and again costs nothing but time.
func TestRunThroughCuts(t *testing.T) {
	url := serve(t)
	data := make([]byte, 300_000)
	rand.Read(data)
	proxy := badlink.NewCutter(t, url, 40_000)
	for range 20 { // the program may not be started twice, so a cut before it runs is an error
		o := gafferctl(t, string(data), "--connect", proxy.Address, "run", "sh", "-c", "cat; exit 6")
		if o.code == exitUnreachable && o.stdout == "" {
			continue
		}
		if o.code != 6 || !bytes.Equal([]byte(o.stdout), data) {
			t.Errorf("exit code %d, %d bytes of %d: %s", o.code, len(o.stdout), len(data), o.stderr)
		}
		if proxy.Cuts.Load() < 5 {
			t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
		}
		return
	}
	t.Error("it never began")
}
