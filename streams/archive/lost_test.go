package archive

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// openSome opens a Dir of which not all can be read, and says what is left out.
func openSome(t *testing.T, dir string) (k *keeper, leftOut []string) {
	t.Helper()
	k = new(keeper)
	d, err := Open(dir, Options{Sequence: &k.seq, Bell: &k.bell, LeftOut: func(err error) { leftOut = append(leftOut, err.Error()) }})
	must(t, err)
	k.Dir = d
	slices.Sort(leftOut)
	return k, leftOut
}

// wrote has so many instances write a line each.
func wrote(t *testing.T, dir string, instances int) {
	t.Helper()
	k := open(t, dir, Limits{})
	for pid := 1; pid <= instances; pid++ {
		_, out, err := k.start(pid)
		fmt.Fprintln(out, "of", pid)
		out.Close()
		err.Close()
	}
	must(t, k.Close())
}

// The entries that a power cut has made zeros are made anew from the log, however many
// they are.
func TestIndexThatEndsInZeros(t *testing.T) {
	dir := t.TempDir()
	want, names := rotated(t, dir)
	for i, name := range names {
		idx, err := os.ReadFile(name + ".idx")
		must(t, err)
		for zeros := 0; zeros < len(idx)/entrySize; zeros++ {
			damaged := slices.Concat(idx[:len(idx)-zeros*entrySize], make([]byte, (zeros+100*(zeros%2))*entrySize))
			must(t, os.WriteFile(name+".idx", damaged, 0o600))
			k, leftOut := openSome(t, dir)
			f := k.Files("app:web")[0]
			l := streams.Archived(f.Stdout())
			got, missed := all(t, l, 0)
			if !bytes.Equal(got, want) || missed > 0 || l.End() != int64(len(want)) || len(leftOut) > 0 {
				t.Errorf("segment %d, %d entries of zeros: %d bytes up to %d and %d missing, want %d; %q", i, zeros, len(got), l.End(), missed, len(want), leftOut)
			}
			if _, numbers := numbered(t, l); !slices.IsSorted(numbers) || numbers[0] == 0 {
				t.Errorf("segment %d, %d entries of zeros: numbers %v", i, zeros, numbers)
			}
			must(t, k.Close())
		}
		must(t, os.WriteFile(name+".idx", idx, 0o600))
	}
}

// rotated writes a log of several full segments.
func rotated(t *testing.T, dir string) (want []byte, names []string) {
	t.Helper()
	k := open(t, dir, Limits{Segment: 1 << 10})
	f, out, stderr := k.start(1)
	for i := range 150 {
		want = fmt.Appendf(want, "line %d\n", i)
		fmt.Fprintf(out, "line %d\n", i)
	}
	out.Close()
	stderr.Close()
	must(t, k.Close())
	for _, s := range f.segments {
		names = append(names, filepath.Join(dir, s.name))
	}
	if len(names) < 5 {
		t.Fatalf("%d segments", len(names))
	}
	return want, names
}

// An index that is not there any more, or empty, or nothing but zeros, is made anew.
func TestLostIndex(t *testing.T) {
	for what, lose := range map[string]func(name string) error{
		"removed": os.Remove,
		"empty":   func(name string) error { return os.Truncate(name, 0) },
		"zeros":   func(name string) error { return os.WriteFile(name, make([]byte, 1000), 0o600) },
		"cut off": func(name string) error { return os.Truncate(name, int64(len(indexMagic))+5) },
	} {
		dir := t.TempDir()
		want, names := rotated(t, dir)
		for _, i := range []int{0, 2, 3, len(names) - 1} {
			must(t, lose(names[i]+".idx"))
		}
		for again := range 2 {
			k, leftOut := openSome(t, dir)
			if len(leftOut) > 0 {
				t.Errorf("%s: %q", what, leftOut)
			}
			f := k.Files("app:web")[0]
			l := streams.Archived(f.Stdout())
			if got, missed := all(t, l, 0); !bytes.Equal(got, want) || missed > 0 || f.Stdout().End() != int64(len(want)) {
				t.Errorf("%s, %d: %d bytes and %d are missing, want %d", what, again, len(got), missed, len(want))
			}
			if _, numbers := numbered(t, l); !slices.IsSorted(numbers) {
				t.Errorf("%s, %d: numbers %v", what, again, numbers)
			}
			if string(f.Meta()) != "meta" {
				t.Errorf("%s, %d: meta %q", what, again, f.Meta())
			}
			must(t, k.Close())
		}
	}
}

// What a log lacks is lacking still when its index is made anew.
func TestLostIndexOfALogWithAGap(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	f := k.Create("app", "app:web", 1, []byte("meta"))
	w := &writer{f: f, number: 1, nano: time.Now().UnixNano()}
	w.enter(entry{number: 1, nano: w.nano, fd: stdout})
	w.emit(&record{nano: w.nano, fd: stdout, text: []byte("one")})
	w.number = 2
	w.miss(stdout, 512)
	w.enter(entry{number: 3, nano: w.nano, fd: stdout})
	w.emit(&record{nano: w.nano + 1, fd: stdout, text: []byte("two")})
	must(t, w.flush())
	w.close()
	must(t, k.Close())
	must(t, os.Truncate(filepath.Join(dir, "app/app:web/1.idx"), 0))
	k, _ = openSome(t, dir)
	defer k.Close()
	l := streams.Archived(k.Files("app:web")[0].Stdout())
	if got, missed := all(t, l, 0); string(got) != "one\ntwo\n" || missed != 512 || l.End() != 520 {
		t.Errorf("got %q, %d bytes are missing, and it ends at %d", got, missed, l.End())
	}
}

// A segment that cannot be read is a gap that readers are told of. It is left as it
// is, and goes when it is old.
func TestSegmentThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	want, names := rotated(t, dir)
	const other = "another version's index, which is kept"
	must(t, os.WriteFile(names[1]+".idx", []byte(other), 0o600))
	must(t, os.Truncate(names[2]+".idx", 0)) // nothing tells where it begins
	k, leftOut := openSome(t, dir)
	defer k.Close()
	if len(leftOut) != 2 {
		t.Errorf("%q are left out", leftOut)
	}
	f := k.Files("app:web")[0]
	got, missed := all(t, streams.Archived(f.Stdout()), 0)
	if missed == 0 || int64(len(got))+missed != int64(len(want)) || !bytes.HasSuffix(want, got[len(got)-50:]) {
		t.Errorf("%d bytes, and %d are missing of %d", len(got), missed, len(want))
	}
	if text, err := os.ReadFile(names[1] + ".idx"); string(text) != other {
		t.Errorf("the index is %q now, %v", text, err)
	}
	k.retainAll(time.Now().Add(DefaultAge + time.Minute))
	if left := entries(t, dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// Who goes on with a log of which nothing can be read writes over nothing, whatever
// the names of what is there.
func TestNothingIsWrittenOver(t *testing.T) {
	dir := t.TempDir()
	wrote(t, dir, 1)
	name := filepath.Join(dir, "app/app:web/1")
	must(t, os.WriteFile(name+".idx", []byte("another version's index"), 0o600))
	old, err := os.ReadFile(name + ".log")
	must(t, err)
	k, leftOut := openSome(t, dir)
	defer k.Close()
	if len(leftOut) != 1 {
		t.Errorf("%q are left out", leftOut)
	}
	must(t, os.WriteFile(name+".1.log", []byte("somebody's"), 0o600)) // not known to k
	f, out, stderr := k.start(1)
	fmt.Fprintln(out, "more")
	waitFor(t, &k.bell, func() bool { return f.Stdout().End() == 5 })
	out.Close()
	stderr.Close()
	k.idle(t)
	for ending, want := range map[string]string{".1.log": "somebody's", ".2.log": string(old), ".2.idx": "another version's index"} {
		if got, err := os.ReadFile(name + ending); string(got) != want {
			t.Errorf("%s is %q, %v", ending, got, err)
		}
	}
	if text, _ := os.ReadFile(name + ".log"); !strings.HasSuffix(string(text), " F more\n") {
		t.Errorf("what comes is in %q", text)
	}
	if files := k.Files("app:web"); len(files) != 1 || files[0] != f || string(f.Meta()) != "meta" {
		t.Errorf("%d files, with %q", len(files), f.Meta())
	}
}

// What is in a folder that could not be read is not known, and not written over either.
func TestUnknownLogIsNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	defer k.Close()
	name := filepath.Join(dir, "app/app:web/1")
	must(t, os.MkdirAll(filepath.Dir(name), 0o700))
	must(t, os.WriteFile(name+".log", []byte("from before"), 0o600))
	f, out, stderr := k.start(1)
	fmt.Fprintln(out, "more")
	waitFor(t, &k.bell, func() bool { return f.Stdout().End() == 5 })
	out.Close()
	stderr.Close()
	k.idle(t)
	if got, err := os.ReadFile(name + ".1.log"); string(got) != "from before" {
		t.Errorf("%q, %v", got, err)
	}
}
