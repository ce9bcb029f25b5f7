package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
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
	create := func(id int) *cgroup {
		t.Helper()
		c := r.createFor(id)
		if c == nil {
			t.Fatalf("none can be made for %d", id)
		}
		return c
	}
	five := create(5)
	expect("one child", 5)
	r.prepare()
	r.prepare()
	expect("prepared twice", 5, 6)
	nine := create(9)
	six := create(6) // launches overtake each other
	expect("taken", 5, 6, 9)
	r.prepare()
	eleven := create(11)
	expect("not taken", 5, 6, 9, 10, 11)
	r.prepare()
	expect("nobody takes it any more", 5, 6, 9, 11, 12)
	r.dropNext()
	expect("dropped", 5, 6, 9, 11)
	if err := os.Mkdir(filepath.Join(r.dir, "12"), 0o755); err != nil {
		t.Fatal(err)
	}
	twelve := create(12) // which an earlier program has made in advance
	for _, c := range []*cgroup{five, six, nine, eleven, twelve} {
		c.remove()
	}
	expect("all removed")
}
