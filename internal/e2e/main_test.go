package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the folder with the programs under test.
var bin string

// root is the repository's.
var root = filepath.Join("..", "..")

func TestMain(m *testing.M) {
	if child := children[os.Getenv("E2E_CHILD")]; child != nil {
		child()
		os.Exit(0)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if raceEnabled {
		fmt.Fprintln(os.Stderr, "left out: the race detector does not see into the programs, which are built without it; leave -race out")
		if flag.Parse(); flag.Lookup("test.run").Value.String() != "" {
			return 1 // whoever asks for a test is not to believe that it has passed
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "gaffer-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "./cmd/...", "./examples/...")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make does
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// heavy skips a test that takes seconds, unless asked for.
func heavy(t *testing.T) {
	t.Helper()
	if os.Getenv("GAFFER_HEAVY") == "" {
		t.Skip("heavy: set GAFFER_HEAVY=1 or run make test")
	}
}

// tool returns where a program is. On a developer's machine the test is skipped
// without it; in CI that is a failure.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: .ci/run should have installed it", what)
	}
	t.Skipf("%s is missing: install it to run this test (see .ci/run)", what)
}
