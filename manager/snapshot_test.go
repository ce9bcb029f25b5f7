package manager

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// wantSnapshot compares the only Snapshot with what other methods say, and returns
// it. Nothing changes while it does.
func (f *fixture) wantSnapshot(name string) *Snapshot {
	f.Helper()
	taken := f.Snapshots()
	if len(taken) != 1 {
		f.Fatalf("%d snapshots", len(taken))
	}
	p := taken[0]
	template, err := f.Template(name)
	if err != nil {
		f.Fatal(err)
	}
	status, _ := f.Status(name)
	instances, _ := f.InstancesOf(name)
	pids := []int{}
	for _, inst := range instances {
		pids = append(pids, inst.PID)
	}
	if !reflect.DeepEqual(p.Template, template) || p.Status != status || !slices.Equal(p.PIDs, pids) || p.PIDs == nil {
		f.Errorf("shown are\n%+v\n%+v\n%v\nand there are\n%+v\n%+v\n%v", p.Template, p.Status, p.PIDs, template, status, pids)
	}
	if again := f.Snapshots()[0]; again != p {
		f.Error("nothing has changed, and there is another snapshot")
	}
	return p
}

func (f *fixture) scale(name string, n int) {
	f.Helper()
	_, o, err := f.Scale(name, n)
	f.do(o, err)
}

func TestSnapshotsFollowEveryChange(t *testing.T) {
	l := &fakeLauncher{stopFor: 10 * time.Millisecond}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", count(3))))
		last := f.wantSnapshot("web")
		for _, change := range []struct {
			what string
			do   func()
		}{
			{"scale", func() { f.scale("web", 4) }},
			{"exit", func() { l.exit("web-2", 1) }},
			{"another exit", func() { l.exit("web-2", 1) }}, // a pause before the restart now
			{"restart after the pause", func() { time.Sleep(time.Second) }},
			{"update of what no instance is made of", func() { f.do(f.Update("web", quiet("web", count(4), priority(3)))) }},
			{"update", func() { f.do(f.Update("web", quiet("web", count(4), command("/bin/other")))) }},
			{"replaced", func() { time.Sleep(time.Second) }},
			{"restart", func() { f.do(f.Restart("web")) }},
			{"stop", func() { f.do(f.Stop("web")) }},
			{"stopped", func() { time.Sleep(time.Second) }},
			{"scale while stopped", func() { f.scale("web", 1) }},
		} {
			change.do()
			synctest.Wait()
			p := f.wantSnapshot("web")
			if p == last {
				t.Errorf("%s: the snapshot is the one before", change.what)
			}
			last = p
		}
		f.do(f.Delete("web"))
		if left := f.Snapshots(); len(left) > 0 {
			t.Errorf("%d snapshots of what was deleted", len(left))
		}
	})
}

// TestSnapshotsAreNeverOld has it all happen at random.
func TestSnapshotsAreNeverOld(t *testing.T) {
	l := &fakeLauncher{stopFor: 10 * time.Millisecond}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", count(5))))
		for range 200 {
			l.killSome(4)
			disturb(t, f.Manager, "web", 3)
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			synctest.Wait()
			if len(f.Snapshots()) > 0 { // else it was deleted
				f.wantSnapshot("web")
			}
		}
	})
}

func TestMemosLastAsLongAsTheirSnapshot(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.do(f.Create(quiet("web")))
		found := 0
		memo := func(key any) any {
			return f.Snapshots()[0].Memo(key, func() any { found++; return found })
		}
		for range 3 {
			if memo("a") != 1 || memo("b") != 2 {
				t.Errorf("memos are %v and %v", memo("a"), memo("b"))
			}
		}
		f.scale("web", 2)
		if memo("a") != 3 {
			t.Errorf("a memo of how things were is %v", memo("a"))
		}
	})
}
