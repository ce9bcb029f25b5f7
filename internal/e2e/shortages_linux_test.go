package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ordinary has gafferd run as a user whom the modes of files keep out, and gives
// the folder to that user.
func ordinary(t *testing.T, dir string) setup {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	const user = 61235
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for above := filepath.Dir(dir); above != os.TempDir() && above != "/"; above = filepath.Dir(above) {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		cmd.Dir = "/"
	}
}

// writable changes the modes of all folders in dir.
func writable(t *testing.T, dir string, is bool) {
	t.Helper()
	mode := fs.FileMode(0o500)
	if is {
		mode = 0o700
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyState takes away the right to make files in the state directory,
// first before there is a daemon and then while one runs.
func TestReadOnlyState(t *testing.T) {
	dir := t.TempDir()
	change := ordinary(t, dir)
	writable(t, dir, false)
	cmd := exec.Command(filepath.Join(bin, "gafferd"), "--bind", "127.0.0.1:0", "--state-dir", dir)
	if change != nil {
		change(cmd)
	}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), dir) || !strings.Contains(string(out), "permission denied") {
		t.Errorf("without the right to write gafferd ends with %v: %s", err, out)
	}

	writable(t, dir, true)
	d := startWith(t, change, "--state-dir", dir)
	t.Cleanup(func() { writable(t, dir, true) })
	tick := d.run("shop:tick", script("while echo tick; do sleep 0.1; done", nil))
	saved := func(name string) bool {
		text, _ := os.ReadFile(filepath.Join(dir, "templates.json"))
		return strings.Contains(string(text), `"`+name+`"`)
	}
	if !saved("shop:tick") {
		t.Error("what was answered is not saved")
	}
	writable(t, dir, false)
	a := d.do("POST", "/processes?wait=true", describeProcess("late", script("echo hello; exec sleep 1000", nil)))
	if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"ok":true,"saved":false}` {
		t.Errorf("a create is answered with %d %s", a.status, a.body)
	}
	late := d.pids("late")[0]
	if got := d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0&timeout=10", late), "").body; got != "hello\n" {
		t.Errorf("what it prints is read as %q", got)
	}
	if now := d.pids("shop:tick"); len(now) != 1 || now[0] != tick {
		t.Errorf("pid %d is now %v", tick, now)
	}
	d.alive()

	writable(t, dir, true)
	waitFor(t, "it is saved by itself", func() bool { return saved("late") })
	d.ok("POST", "/processes/late/_stop?wait=true", "")
	waitFor(t, "what it printed meanwhile is on disk, or that it is not", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "logs", "late", "late", "*.log"))
		for _, file := range files {
			if text, _ := os.ReadFile(file); len(text) > 0 {
				return true
			}
		}
		return false
	})
}

// readOnlyDisk has gafferd see dir on a disk that is read-only.
func readOnlyDisk(t *testing.T, dir string) setup {
	mount := fmt.Sprintf("mount --bind '%s' '%[1]s' && mount -o remount,bind,ro '%[1]s'", dir)
	return mounted(t, mount)
}

// TestStartOnReadOnlyDisk starts a daemon, and then other workers, where the state
// can only be read. What is there is served, and that nothing is written is told.
func TestStartOnReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "gaffer.ini")
	if err := os.WriteFile(file, []byte("[webhooks]\nspawn = http://127.0.0.1:1/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	change := readOnlyDisk(t, dir)
	d := startWith(t, nil, "--state-dir", dir, file)
	old := d.run("shop:old", script("echo before; exec sleep 1000", nil))
	d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0&timeout=10", old), "")
	d.stop()

	d = startWith(t, change, "--state-dir", dir, file)
	logs := func() string { return d.ok("GET", "/apps/shop/logs?n=100", "").body }
	if got := logs(); !strings.Contains(got, "before") {
		t.Errorf("what was printed before is %q", got)
	}
	for _, replace := range []func(){func() {}, d.replaceWorker, d.upgrade} {
		replace()
		a := d.do("POST", "/processes/shop:old/_restart?wait=true", "")
		if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"ok":true,"saved":false}` {
			t.Errorf("a restart is answered with %d %s", a.status, a.body)
		}
		now := d.pids("shop:old")[0]
		if got := d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0&timeout=10", now), "").body; got != "before\n" {
			t.Errorf("what it prints is read as %q", got)
		}
		if got := logs(); !strings.Contains(got, "before") {
			t.Errorf("what was printed before is %q", got)
		}
		d.alive()
	}
	for _, want := range []string{"read-only file system", "is not written to disk"} {
		if !strings.Contains(d.logged(), want) {
			t.Errorf("nothing is logged like %q:\n%s", want, d.logged())
		}
	}
}
