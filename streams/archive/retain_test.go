package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// told opens a Dir that says when writing fails and when it works again.
func told(t *testing.T, dir string, l Limits) (k *keeper, failed chan error) {
	t.Helper()
	k, failed = new(keeper), make(chan error, 10)
	d, err := Open(dir, Options{Limits: l, Sequence: &k.seq, Bell: &k.bell, Failed: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	k.Dir = d
	return k, failed
}

// idle waits until nothing is being written any more.
func (k *keeper) idle(t *testing.T) {
	t.Helper()
	waitFor(t, &k.bell, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.live)+len(k.unwanted) == 0
	})
}

// entries are the names of all that there is in a folder.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A full file whose name cannot be changed (that can take room on the disk) is
// neither written over nor lost.
func TestRotationThatFails(t *testing.T) {
	for _, ending := range []string{".idx", ".log"} {
		dir := t.TempDir()
		inTheWay := filepath.Join(dir, "app", "app:web", "1.1"+ending)
		if err := os.MkdirAll(inTheWay, 0o700); err != nil {
			t.Fatal(err)
		}
		k, failed := told(t, dir, Limits{Segment: 4 << 10})
		_, out, stderr := k.start(1)
		stderr.Close()
		var want bytes.Buffer
		for i := range 1000 {
			fmt.Fprintf(io.MultiWriter(out, &want), "line %d\n", i)
		}
		if err := <-failed; err == nil {
			t.Fatal("told of a success first")
		}
		fmt.Fprint(io.MultiWriter(out, &want), "meanwhile\n")
		if err := os.Remove(inTheWay); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(io.MultiWriter(out, &want), "last\n")
		out.Close()
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		k = open(t, dir, Limits{})
		files := k.Files("app:web")
		if len(files) != 1 || len(files[0].segments) < 2 {
			t.Fatalf("%s: %v is left", ending, entries(t, dir))
		}
		if got, missed := all(t, streams.Archived(files[0].Stdout()), 0); missed > 0 || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: %d bytes and %d missed, want %d", ending, len(got), missed, want.Len())
		}
		k.Close()
	}
}

// What is to be forgotten goes when it is not being written any more, and takes
// its folders with it.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{Segment: 1 << 10})
	defer k.Close()
	other := k.Create("app", "app:other", 1, nil)
	out := streams.NewLog(streams.Options{Sequence: &k.seq, Bell: &k.bell, Archive: other.Stdout()})
	k.Follow(other, out, nil)
	fmt.Fprint(out, "stays\n")
	out.Close()
	for pid := 2; pid <= 3; pid++ {
		f, out, err := k.start(pid)
		for i := range 100 {
			fmt.Fprintf(out, "line %d\n", i)
			fmt.Fprintf(err, "line %d\n", i)
		}
		err.Close()
		waitFor(t, &k.bell, func() bool { return f.Stdout().End() == out.End() })
		if pid == 3 {
			k.Forget("app:web")
		}
		if n := len(k.Files("app:web")); n != pid-1 {
			t.Errorf("while the last is being written there are %d", n)
		}
		fmt.Fprint(out, "last\n")
		out.Close()
		waitFor(t, &k.bell, func() bool { return f.Stdout().End() == out.End() })
	}
	k.idle(t)
	if got, want := entries(t, dir), []string{"app", "app/app:other", "app/app:other/1.idx", "app/app:other/1.log"}; !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	if files := k.Files("app:web"); len(files) > 0 {
		t.Errorf("%d files are known", len(files))
	}
	k.Forget("app:other")
	k.Forget("nobody")
	k.idle(t)
	if got := entries(t, dir); len(got) > 0 {
		t.Errorf("there is %q, want nothing", got)
	}
	k.start(4) // writes where a folder has been
	waitFor(t, &k.bell, func() bool { return len(k.Files("app:web")) == 1 })
}

// However little instances write, there is an end of files.
func TestRetentionOfManyInstances(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{Size: 20 * minCost})
	for pid := 1; pid <= 50; pid++ {
		_, out, err := k.start(pid)
		fmt.Fprintln(out, "short")
		out.Close()
		err.Close()
	}
	k.idle(t)
	k.retainAll(time.Now())
	files := k.Files("app:web")
	if len(files) != 20 || files[0].PID() != 31 {
		t.Errorf("%d files are left", len(files))
	}
	if n := len(entries(t, dir)); n != 2+2*20 {
		t.Errorf("%d files and folders are there", n)
	}
	k.retainAll(time.Now().Add(DefaultAge + time.Minute))
	if got := entries(t, dir); len(got) > 0 {
		t.Errorf("%q are too old", got)
	}
	k.Close()
}

// So it is when no file gets full, without a look at all there is for each that ends.
func TestRetentionWithoutFullFiles(t *testing.T) {
	const size, each = 1 << 20, 70 << 10
	k := open(t, t.TempDir(), Limits{Size: size}) // a file is full at a tenth of that
	defer k.Close()
	for pid := 1; pid <= 50; pid++ {
		_, out, err := k.start(pid)
		out.Write(bytes.Repeat([]byte("a line of 20 bytes.\n"), each/60)) // each with a head of 40
		out.Close()
		err.Close()
		if pid%10 > 0 {
			continue
		}
		k.idle(t)
		var kept int64
		files := k.Files("app:web")
		for _, f := range files {
			kept += f.cost()
		}
		if kept > size+size/10 || pid == 50 && kept < size-2*each || files[len(files)-1].PID() != pid {
			t.Errorf("after %d lives %d bytes in %d files are kept, the limit is %d", pid, kept, len(files), size)
		}
	}
	for pid := 51; pid <= 2000; pid++ { // that have nothing to say
		_, out, err := k.start(pid)
		out.Close()
		err.Close()
	}
	k.idle(t)
	if n, most := len(k.Files("app:web")), size/each+size/10/minCost+1; n > most {
		t.Errorf("%d files are known, want %d at most", n, most)
	}
}

// What is left of a removal that was cut off goes, too.
func TestIndexWithoutLog(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	_, out, err := k.start(1)
	fmt.Fprintln(out, "text")
	out.Close()
	err.Close()
	k.Close()
	if err := os.Remove(filepath.Join(dir, "app/app:web/1.log")); err != nil {
		t.Fatal(err)
	}
	k = open(t, dir, Limits{})
	defer k.Close()
	if _, err := os.Stat(filepath.Join(dir, "app/app:web/1.idx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the index is there still: %v", err)
	}
}

// Whatever an app is called, and whatever others have put there, nothing is
// written outside of the directory.
func TestNothingOutside(t *testing.T) {
	parent := t.TempDir()
	dir, outside := filepath.Join(parent, "logs"), filepath.Join(parent, "outside")
	for _, folder := range []string{dir, outside} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range [][2]string{{"..", "outside"}, {"../outside", "x"}, {"a", "../../outside"}, {outside, "x"}, {"link", "x"}} {
		k, failed := told(t, dir, Limits{})
		f := k.Create(name[0], name[1], 1, nil)
		l := streams.NewLog(streams.Options{Sequence: &k.seq, Bell: &k.bell, Archive: f.Stdout()})
		k.Follow(f, l, nil)
		fmt.Fprintln(l, "text")
		if err := <-failed; err == nil {
			t.Errorf("%q: no error", name)
		}
		l.Close()
		k.Close()
		if got := entries(t, outside); len(got) > 0 {
			t.Fatalf("%q: %q is there", name, got)
		}
	}
}

// What is over the limits and goes on is not forgotten before it does.
func TestGoOn(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{Size: 2 * minCost, Segment: 1 << 20})
	_, out, stderr := k.start(1)
	for i := range 2000 {
		fmt.Fprintf(out, "line %d\n", i)
	}
	out.Close()
	stderr.Close()
	k.idle(t)
	k.Close()

	next := new(keeper)
	d, err := Open(dir, Options{Limits: Limits{Size: 2 * minCost, Segment: 1 << 20}, Sequence: &next.seq, Bell: &next.bell, GoOn: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	files := d.Files("app:web")
	if len(files) != 1 || files[0].cost() <= 2*minCost {
		t.Fatalf("%d files are left", len(files))
	}
	log := streams.NewLog(streams.Options{Bell: &next.bell})
	d.Follow(files[0], log, nil)
	d.Settled()
	if files[0].cost() <= 2*minCost {
		t.Error("what goes on was forgotten")
	}
	log.Close()
}
