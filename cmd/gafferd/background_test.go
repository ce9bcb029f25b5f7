package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// background runs gafferd --daemon until that returns, which must be when nobody
// holds its outputs any more.
func background(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(t, append(args, "--daemon")...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stderr, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), stderr.String()
}

func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	pidPath, logPath := filepath.Join(dir, "pid"), filepath.Join(dir, "log")
	conf := file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n")
	code, said := background(t, conf, "-vv", "--bind=127.0.0.1:0", "--pidfile", pidPath, "--log-file", logPath)
	held, err := os.Open(pidPath)
	if err != nil {
		t.Fatalf("exit code %d, no pid file: %v\n%s", code, err, said)
	}
	defer held.Close()
	text, _ := os.ReadFile(pidPath)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("pid %d is of the session %d, %v", pid, session, err)
	}
	seen := newWatched()
	seen.Write([]byte(said))
	d := &daemon{t: t, url: seen.wait(t, `listens on ([^ ,]+?)[,.] `)[1]}
	osPid := d.running() // what it is told over its own url

	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- unix.Flock(int(held.Fd()), unix.LOCK_EX) }() // the kernel gives it free with the process
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("the daemon does not end")
	}
	gone(t, osPid)
	log, err := os.ReadFile(logPath)
	if err != nil {
		t.Error(err)
	}
	says(t, string(log), "msg=listening", "msg=stopping", "web.1 | ", "bye last")
}

// What the daemon fails with is told to whoever has started it.
func TestDaemonThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitFailed, "address already in use", []string{"--bind", l.Addr().String()}},
		{exitFailed, "gaffer.ini:1: ", []string{file(t, "gaffer.ini", "[nonsense]\n")}},
		{exitUsage, "unknown flag", []string{"--nonsense"}},
		{exitUsage, "--help", []string{"--bind=127.0.0.1:0", "--log-format=xml"}},
		{exitUsage, "--debug-addr", []string{"--bind=127.0.0.1:0", "--debug-addr=0.0.0.0:0"}},
		{exitFailed, "log file", []string{"--bind=127.0.0.1:0", "--log-file=/nonexistent/log"}},
	} {
		code, said := background(t, c.args...)
		if code != c.code || strings.Count("\n"+said, "\ngafferd: ") != 1 {
			t.Errorf("%v: exit code %d, want %d:\n%s", c.args, code, c.code, said)
		}
		says(t, said, c.want)
	}
}

// TestDaemonIsInterrupted is Ctrl-C while it waits for its predecessor.
func TestDaemonIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	start(t, nil, "--state-dir", dir)
	cmd := command(t, "--state-dir", dir, "--bind=127.0.0.1:0", "--daemon")
	said := newWatched()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.wait(t, "waiting for another gafferd")
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	says(t, said.String(), "another program has it open")
}
