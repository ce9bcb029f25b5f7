package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNextCgroup holds that a cgroup is ready for the child that comes next, and for no
// other, and that none is left.
func TestNextCgroup(t *testing.T) {
	r := openCgroups()
	if r == nil {
		t.Skip("cgroup v2 is not writable here")
	}
	r.used.Add(1) // until the end, as a keeper's launcher does
	defer func() {
		r.close()
		r.unused()
		if _, err := os.Stat(r.dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", r.dir, err)
		}
	}()
	files := descriptors(t)
	expect := func(what string, ids ...int) {
		t.Helper()
		names, _ := filepath.Glob(r.dir + "/*/cgroup.procs")
		there := map[string]bool{}
		for _, name := range names {
			there[filepath.Base(filepath.Dir(name))] = true
		}
		for _, id := range ids {
			if !there[strconv.Itoa(id)] {
				t.Errorf("%s: there is none for %d", what, id)
			}
		}
		if len(there) != len(ids) {
			t.Errorf("%s: there are %v, want %v", what, there, ids)
		}
	}
	create := func(id int, ready bool) *cgroup {
		t.Helper()
		c := r.createFor(id)
		if c == nil {
			t.Fatalf("none can be made for %d", id)
		}
		if got := c.opened > 0; got != ready {
			t.Errorf("that for %d was ready: %v", id, got)
		}
		fd, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		return c
	}
	five := create(5, false)
	r.prepare()
	r.prepare()
	expect("prepared twice", 5, 6)
	nine := create(9, false)
	six := create(6, true) // launches overtake each other
	expect("taken", 5, 6, 9)
	r.prepare()
	eleven := create(11, false)
	expect("not taken", 5, 6, 9, 10, 11)
	r.prepare()
	expect("nobody takes it any more", 5, 6, 9, 11, 12)
	r.dropNext()
	expect("dropped", 5, 6, 9, 11)
	if err := os.Mkdir(filepath.Join(r.dir, "12"), 0o755); err != nil {
		t.Fatal(err)
	}
	twelve := create(12, false) // which an earlier program has made in advance
	for _, c := range []*cgroup{five, six, nine, eleven, twelve} {
		c.remove()
	}
	expect("all removed")
	if now := descriptors(t); now != files {
		t.Errorf("%d descriptors are open, %d were", now, files)
	}
}
