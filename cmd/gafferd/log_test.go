package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLogFile is what logrotate does: the file is moved away, and SIGUSR1 makes
// the daemon go on in a new one.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	d := start(t, nil, "--log-file", path)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil { // to wait for what is written
		t.Fatal(err)
	}
	d.signal(syscall.SIGUSR1)
	next, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	lines := bufio.NewScanner(next)
	if lines.Scan(); !strings.Contains(lines.Text(), "log file opened again") {
		t.Errorf("the new file begins with %q, %v", lines.Text(), lines.Err())
	}
	old, err := os.ReadFile(path + ".1")
	if err != nil {
		t.Fatal(err)
	}
	says(t, string(old), "msg=listening")
	if strings.Contains(string(old), "again") || strings.Contains(d.stderr.String(), "msg=") {
		t.Errorf("the old file has\n%s\nand stderr\n%s", old, d.stderr)
	}

	// When it cannot be opened, the log goes on where it was, and says so there.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGUSR1)
	if lines.Scan(); !strings.Contains(lines.Text(), "is a directory") {
		t.Errorf("the file goes on with %q, %v", lines.Text(), lines.Err())
	}
}

func TestReopenWithoutLogFile(t *testing.T) {
	d := start(t, nil)
	d.signal(syscall.SIGUSR1)
	d.stderr.wait(t, "SIGUSR1 does nothing: there is no --log-file")
}

// TestLogAsJSON holds that there is nothing else among it.
func TestLogAsJSON(t *testing.T) {
	cmd := command(t, "--bind=127.0.0.1:0", "--log-format=json", "-v")
	said := newWatched()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.wait(t, `"msg":"listening".*"on":\["http://127`)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	failed := fails(t, exitFailed, "--log-format=json", file(t, "gaffer.ini", "[nonsense]\n[more]\n"))
	for line := range strings.Lines(said.String() + failed) {
		var record struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time == "" || record.Level == "" || record.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	says(t, failed, `"level":"ERROR"`, "nonsense", "more")
}
