package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDebianPackage builds the package and installs it as an administrator
// would, over a copy of this machine's files that is gone afterwards.
func TestDebianPackage(t *testing.T) {
	heavy(t)
	if os.Getuid() != 0 {
		t.Skip("only root can install a package")
	}
	for _, name := range []string{"dpkg", "unshare", "systemd-analyze", "deb-systemd-helper"} {
		tool(t, name)
	}
	made := exec.Command("make", "--no-print-directory", "package", "VERSION=1.2.3")
	made.Dir = root
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("make package: %v\n%s", err, out)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "package.sh"))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Abs(filepath.Join(root, "build"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "bash", script, packages, t.TempDir())
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 77 {
		missing(t, "a file system that can be laid over / (overlayfs)")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, line := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(line, "verify: ") && !oldSystemd.MatchString(line) {
			t.Errorf("systemd-analyze about our units: %s", line)
		}
	}
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
