package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--chekc"}, "unknown flag: --chekc; did you mean --check?"},
		{[]string{"--bind"}, "flag needs an argument"},
		{[]string{"--bind", "5000"}, `--bind: "5000" is not an address`},
		{[]string{"--backlog", "many"}, `invalid argument "many" for "--backlog" flag: want the number of connections that may wait`},
		{[]string{"--backlog", "-1"}, `invalid argument "-1" for "--backlog" flag: want the number`},
		{[]string{"a.ini", "b.ini"}, "one configuration file at most"},
		{[]string{"a.ini", "-c", "b.ini"}, "two configuration files, b.ini and a.ini"},
	} {
		says(t, fails(t, exitUsage, c.args...), "gafferd: ", c.want, "gafferd --help")
	}
}

func TestWrongConfiguration(t *testing.T) {
	path := file(t, "gaffer.ini", "[process:web]\ncmd = ./web\nnumproceses = 2\n[process:api]\nnumprocesses = x\n")
	text := fails(t, exitFailed, "-c", path)
	says(t, text, path+":3: [process:web] numproceses: ", path+":4: [process:api] cmd: ", path+":5: [process:api] numprocesses: ")
	if strings.Contains(text, "listens") {
		t.Errorf("it listened:\n%s", text)
	}
	says(t, fails(t, exitFailed, "/nonexistent.ini"), "open /nonexistent.ini: no such file or directory")
}

func TestWarningsAreLogged(t *testing.T) {
	d := start(t, nil, file(t, "gaffer.ini", "[endpoint:spare]\nbind = 127.0.0.1:0\n[env:nobody]\nport = 1\n"))
	says(t, d.stderr.String(), "gaffer.ini:1: [endpoint:spare]: is not used", "gaffer.ini:3: [env:nobody]")
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gafferd.pid")
	d := start(t, nil, "--no-keeper", "--pidfile", path)
	pid := strconv.Itoa(d.cmd.Process.Pid)
	if text, err := os.ReadFile(path); err != nil || string(text) != pid+"\n" {
		t.Errorf("the pid file holds %q, %v; want %s", text, err, pid)
	}
	says(t, fails(t, exitFailed, "--bind=127.0.0.1:0", "--pidfile", path), "held by another gafferd (pid "+pid+")")
	if text, err := os.ReadFile(path); err != nil || string(text) != pid+"\n" {
		t.Errorf("the pid file holds %q, %v after another daemon was refused; want %s", text, err, pid)
	}

	// A file that was left over by a daemon that was killed says nothing.
	d.signal(syscall.SIGKILL)
	d.wait()
	if err := os.WriteFile(path, []byte("1\nand more\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d = start(t, nil, "--pidfile", path)
	if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(d.cmd.Process.Pid)+"\n" {
		t.Errorf("the pid file holds %q, %v; want %d", text, err, d.cmd.Process.Pid)
	}
	d.signal(syscall.SIGTERM)
	d.wait()
	if _, err := os.Stat(path); err == nil {
		t.Error("the pid file is still there after the end")
	}
}

// A pid file that somebody has removed may be another daemon's by now.
func TestPIDFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gafferd.pid")
	ours, err := holdPIDFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	others, err := holdPIDFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ours.release()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the other daemon's file: %v", err)
	}
	others.release()
}

// TestPIDFileOutlivedByChildren holds that a process does not keep the lock of
// a daemon that was killed.
func TestPIDFileOutlivedByChildren(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gafferd.pid")
	conf := file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "stubborn")+"\n")
	d := start(t, nil, "--no-keeper", conf, "--pidfile", path)
	osPid := d.running()
	defer syscall.Kill(osPid, syscall.SIGKILL)
	d.signal(syscall.SIGKILL)
	d.wait()
	if err := syscall.Kill(osPid, 0); err != nil {
		t.Fatalf("the process did not outlive the daemon: %v", err)
	}
	start(t, nil, "--pidfile", path)
}
