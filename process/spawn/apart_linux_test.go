package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd opens so many descriptors that the next one has a high number.
func crowd(t *testing.T) {
	t.Helper()
	for range manyFiles {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
	}
}

// says starts a program and returns what it writes, once it has ended.
func says(t *testing.T, path string, args ...string) string {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Close()
	a := Attr{Path: path, Args: append([]string{path}, args...), Files: []int{int(null.Fd()), int(w.Fd()), int(w.Fd())}}
	if !a.crowded() {
		t.Errorf("among %v it is not crowded", a.Files)
	}
	pid, pidfd, err := Start(a)
	w.Close()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer unix.Close(pidfd)
	said, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	if err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil); err != nil {
		t.Errorf("wait for %d: %v", pid, err)
	}
	return string(said)
}

func TestStartAmongManyDescriptors(t *testing.T) {
	early, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	crowd(t)
	if got := says(t, "/bin/ls", "/proc/self/fd"); strings.Join(strings.Fields(got), " ") != "0 1 2 3" {
		t.Errorf("the child has %q", got)
	}
	if threads.apart == 0 {
		t.Error("it was not made apart")
	}

	// No thread that is apart has what was there before.
	w.Close()
	if _, err := early.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a pipe whose other end is closed: %v", err)
	}

	var work sync.WaitGroup
	for i := range 10 * maxApart {
		work.Go(func() {
			if got := says(t, "/bin/echo", fmt.Sprint(i)); got != fmt.Sprintln(i) {
				t.Errorf("child %d says %q", i, got)
			}
		})
	}
	work.Wait()
	if threads.apart > maxApart {
		t.Errorf("%d threads are apart", threads.apart)
	}
}

func TestNoStartAmongManyDescriptors(t *testing.T) {
	crowd(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	_, _, err = Start(Attr{Path: "/no/such/program", Args: []string{"it"}, Files: []int{fd, fd, fd}})
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v", err)
	}
}

// Want of descriptors, which comes and goes, does not keep later children from being made
// apart.
func TestApartAfterAShortage(t *testing.T) {
	if err := onThread(threadState{apart: true}, func() {}); err != nil {
		t.Skip(err)
	}
	threads.Lock()
	for _, th := range threads.idle {
		th.end()
	}
	threads.idle = nil
	threads.Unlock()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	short := limit
	short.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &short); err != nil {
		t.Fatal(err)
	}
	err := onThread(threadState{apart: true}, func() {})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Fatal("it was made without descriptors")
	}
	if err := onThread(threadState{apart: true}, func() {}); err != nil {
		t.Errorf("with descriptors again: %v", err)
	}
}
