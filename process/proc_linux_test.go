package process

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMarkerContinuesAnOuterOne(t *testing.T) {
	outer := newMarker("")
	t.Setenv(markerName, strings.TrimPrefix(outer, markerName+"="))
	inner := newMarker("")
	other := strings.Replace(inner, "/", "0/", 1) // of outer's tenth neighbour, say
	for _, test := range []struct {
		wanted, found string
		want          bool
	}{
		{outer, outer, true},
		{outer, inner, true},
		{inner, outer, false},
		{outer, other, false},
		{"", outer, false},
		{outer, "", false},
	} {
		if got := marks(test.wanted, test.found); got != test.want {
			t.Errorf("marks(%q, %q) = %v", test.wanted, test.found, got)
		}
	}
}

func TestOOMKillsAreClaimedOnce(t *testing.T) {
	name := t.TempDir() + "/memory.events"
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("low 0\noom 1\noom_kill 2\noom_group_kill 0\n")
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o := &oomKills{file: file, counted: 2}
	if o.claim() {
		t.Error("claimed an old one")
	}
	write("oom_kill 4\n")
	for i, want := range []bool{true, true, false} {
		if got := o.claim(); got != want {
			t.Errorf("two were killed, and claim %d is %v", i+1, got)
		}
	}
}

// A kill that was somebody else's does not explain an end long afterwards.
func TestOOMKillsOfOthersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := t.TempDir() + "/memory.events"
		write := func(content string) {
			t.Helper()
			if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("oom_kill 0\n")
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		o := &oomKills{file: file}
		defer o.close()
		write("oom_kill 2\n")
		o.look() // as when the kernel has told of it
		if !o.claim() {
			t.Error("the first is not claimed")
		}
		time.Sleep(time.Minute)
		if o.claim() {
			t.Error("the other one explains an end of much later")
		}
		write("oom_kill 3\n")
		if !o.claim() {
			t.Error("a later one is not claimed")
		}
	})
}

func TestStatLinesAreRead(t *testing.T) {
	// The name in parentheses is the program's to choose.
	line := "42 (a) Z (b) R 1 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 98765 100 200"
	p := proc{procID: procID{pid: 42}}
	if !p.parse([]byte(line)) {
		t.Fatal("not understood")
	}
	want := proc{procID: procID{42, 98765}, parent: 1, group: 40, session: 39, state: 'R', threads: 3}
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	for _, broken := range []string{"", "42 (a", "42 (a) R 1 2", "42 (a)"} {
		if p.parse([]byte(broken)) {
			t.Errorf("understood %q", broken)
		}
	}
	self, err := readProc(os.Getpid())
	if err != nil || self.parent != os.Getppid() || !self.alive() {
		t.Errorf("we are %+v, %v", self, err)
	}
	if _, err := readProc(1 << 30); err != os.ErrProcessDone {
		t.Errorf("one that cannot be: %v", err)
	}
}
