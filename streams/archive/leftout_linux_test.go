package archive

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// What is no file, or leads elsewhere, is left out, and the rest is there.
func TestWhatCannotBeOpenedIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	wrote(t, dir, 4)
	folder := filepath.Join(dir, "app/app:web")
	outside := filepath.Join(t.TempDir(), "log")
	must(t, os.Rename(filepath.Join(folder, "1.log"), outside))
	must(t, os.Symlink(outside, filepath.Join(folder, "1.log")))
	must(t, os.Remove(filepath.Join(folder, "2.log")))
	must(t, syscall.Mkfifo(filepath.Join(folder, "2.log"), 0o600))
	must(t, os.Remove(filepath.Join(folder, "3.idx")))
	must(t, os.Symlink("3.idx", filepath.Join(folder, "3.idx")))
	k, leftOut := openSome(t, dir)
	defer k.Close()
	if len(leftOut) != 3 {
		t.Errorf("%q are left out", leftOut)
	}
	for i, want := range []string{"1.log: path escapes", "2.log: not a regular file", "3.idx: too many levels"} {
		if !slices.ContainsFunc(leftOut, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%d: nothing is said like %q in %q", i+1, want, leftOut)
		}
	}
	files := k.Files("app:web")
	if got, _ := all(t, streams.Archived(files[len(files)-1].Stdout()), 0); string(got) != "of 4\n" {
		t.Errorf("the last one has %q", got)
	}
}

// A folder that cannot be read is left out as a whole. Root may read all.
func TestFolderThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	wrote(t, dir, 1)
	folder := filepath.Join(dir, "other")
	must(t, os.Mkdir(folder, 0))
	if _, err := os.ReadDir(folder); err == nil {
		t.Skip("this user may read all folders")
	}
	k, leftOut := openSome(t, dir)
	defer k.Close()
	if len(leftOut) != 1 || !strings.Contains(leftOut[0], "other: permission denied") || len(k.Files("app:web")) != 1 {
		t.Errorf("%q are left out, and %d files are there", leftOut, len(k.Files("app:web")))
	}
}

// readOnly has a test run once more where dir is on a disk that is read-only. It
// reports whether this is that one.
func readOnly(t *testing.T, dir string) bool {
	t.Helper()
	const variable = "TEST_READ_ONLY"
	if os.Getenv(variable) != "" {
		return true
	}
	cmd := exec.Command("sh", "-c", `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; exec "$0" -test.v -test.run="^$2\$"`, os.Args[0], dir, t.Name())
	cmd.Env = append(os.Environ(), variable+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77 {
		t.Skipf("no disk can be mounted read-only here: %v\n%s", err, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// On a disk that is read-only there is all that a daemon which was killed has left,
// as if it could have been mended, and what comes is told not to be written.
func TestReadOnlyDisk(t *testing.T) {
	dir := os.Getenv("TEST_READ_ONLY")
	if dir == "" {
		dir = t.TempDir()
		wrote(t, dir, 2)
		for name, text := range map[string]string{"1.log": "2026-11-29T14:30:", "1.idx": "half an entry", "2.idx": ""} {
			f, err := os.OpenFile(filepath.Join(dir, "app/app:web", name), os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			if name == "2.idx" { // the entry of a write that came no further
				text = string((&entry{file: 1 << 20, number: 1 << 20, offset: [2]int64{1 << 20}, fd: stdout}).appendTo(nil))
			}
			_, err = f.WriteString(text)
			must(t, err)
			must(t, f.Close())
		}
	}
	if !readOnly(t, dir) {
		return
	}
	failed := make(chan error, 10)
	k := new(keeper)
	d, err := Open(dir, Options{
		Sequence: &k.seq, Bell: &k.bell, Failed: func(err error) { failed <- err },
		LeftOut: func(err error) { t.Errorf("left out: %v", err) },
	})
	must(t, err)
	k.Dir = d
	files := k.Files("app:web")
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	for i, f := range files {
		want := fmt.Sprintln("of", i+1)
		l := streams.Archived(f.Stdout())
		if got, missed := all(t, l, 0); string(got) != want || missed > 0 {
			t.Errorf("%d has %q, and %d are missing", i+1, got, missed)
		}
		if _, ok := f.Stdout().Search(func(m streams.Mark) bool { return m.Number >= 1<<20 }); ok {
			t.Error("what came no further is found")
		}
	}
	_, out, stderr := k.start(3)
	fmt.Fprintln(out, "hello")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("told of %v", err)
	}
	if got, _ := out.Subscribe(0).Poll(); string(got.Data) != "hello\n" {
		t.Errorf("read %q", got.Data)
	}
	out.Close()
	stderr.Close()
	must(t, k.Close())
}
