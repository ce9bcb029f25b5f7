package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// debianPackage builds the package, once for all tests.
var debianPackage = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("make", "--no-print-directory", "package", "VERSION=1.2.3")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	found, err := filepath.Glob(filepath.Join(root, "build", "gaffer_1.2.3_*.deb"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s made %q, %w", cmd, found, err)
	}
	return filepath.Abs(found[0])
})

// asRoot is a command that runs a script of testdata/packaging with the package,
// in namespaces of its own: what it installs is gone with it.
func asRoot(t *testing.T, namespaces []string, script string, args ...string) *exec.Cmd {
	t.Helper()
	heavy(t)
	if os.Getuid() != 0 {
		t.Skip("only root can install a package")
	}
	for _, name := range []string{"dpkg", "unshare", "systemd-analyze", "deb-systemd-helper"} {
		tool(t, name)
	}
	deb, err := debianPackage()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"bash", filepath.Join("testdata", "packaging", script), deb, filepath.Join(t.TempDir(), "layer")}, args...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*limit)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, "unshare", append(append(namespaces, "--mount", "--pid", "--fork", "--kill-child"), args...)...)
}

// TestDebianPackage installs the package as an administrator would.
func TestDebianPackage(t *testing.T) {
	cmd := asRoot(t, nil, "install.sh")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 77 {
		missing(t, "a file system that can be laid over / (overlayfs)")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "verify: ") && !oldSystemd.MatchString(line) {
			t.Errorf("systemd-analyze about our units: %s", line)
		}
	}
}

// TestUnderSystemd boots a systemd with the package. Where there is no cgroup v2
// to be had for it, it is skipped.
func TestUnderSystemd(t *testing.T) {
	answers := t.TempDir()
	cmd := asRoot(t, []string{"--ipc", "--uts", "--cgroup"}, "boot.sh", answers)
	group := ownCgroup(t)
	// The shell is in the cgroup before it becomes unshare, for which that cgroup
	// is the root then.
	cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group}, cmd.Args...)
	cmd.Path = "/bin/sh"
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 77 {
		t.Skipf("a systemd cannot be booted here: %s", out)
	}
	said, _ := os.ReadFile(filepath.Join(answers, "output"))
	if code, _ := os.ReadFile(filepath.Join(answers, "code")); strings.TrimSpace(string(code)) != "0" {
		t.Errorf("systemd ended with %v %s\nthe probe with %q:\n%s", err, out, code, said)
	}
}

// ownCgroup makes a cgroup for the test.
func ownCgroup(t *testing.T) string {
	t.Helper()
	mounts, err := exec.Command("findmnt", "--types", "cgroup2", "--noheadings", "--output", "TARGET", "--first-only").Output()
	if err != nil {
		t.Skip("there is no cgroup v2 here")
	}
	group := filepath.Join(strings.TrimSpace(string(mounts)), fmt.Sprintf("gaffer-e2e-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return group
}

// oldSystemd is what systemd before 253 says of Type=notify-reload, for which
// the unit is prepared.
var oldSystemd = regexp.MustCompile(`gafferd\.service:\d+: Failed to parse service type, ignoring: notify-reload`)

// TestContainerfile holds it against a linter, and what it says that the image
// runs against the daemon.
func TestContainerfile(t *testing.T) {
	file := filepath.Join(root, "Containerfile")
	lint := npm(t, filepath.Join("node_modules", ".bin", "dockerfile-utils"))
	if out, err := exec.Command(lint, "lint", file).CombinedOutput(); err != nil || strings.Contains(string(out), "Warning:") {
		t.Errorf("%v\n%s", err, out)
	}
	stages := strings.Split(read(t, file), "\nFROM ")
	last := stages[len(stages)-1]
	if user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(last); len(stages) != 3 || user == nil || strings.HasPrefix(user[1], "0") || user[1] == "root" {
		t.Errorf("%d stages, the last one as %q", len(stages)-1, user)
	}

	argv := func(pattern string) []string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(last)
		if m == nil {
			t.Fatalf("no %s", pattern)
		}
		var words []string
		if err := json.Unmarshal([]byte(m[1]), &words); err != nil {
			t.Fatal(err)
		}
		return words
	}
	entry := argv(`(?m)^ENTRYPOINT (\[.*\])$`)
	state := len(entry) - 1
	entry[state] = filepath.Join(t.TempDir(), "state") // the image's is in the image
	d := start(t, entry[1:]...)
	check := argv(`HEALTHCHECK [^[]*CMD (\[.*\])`)
	for i, word := range check {
		check[i] = strings.ReplaceAll(word, "http://127.0.0.1:5000", d.url)
	}
	healthy := func() error { return exec.Command(filepath.Join(bin, check[0]), check[1:]...).Run() }
	if err := healthy(); err != nil {
		t.Errorf("the check of a daemon that is well: %v", err)
	}
	d.stop()
	if healthy() == nil {
		t.Error("the check does not notice that the daemon is gone")
	}
}
