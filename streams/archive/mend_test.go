package archive

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// numbered are the lines of a log with the numbers of their writes.
func numbered(t *testing.T, l *streams.Log) (lines []string, numbers []uint64) {
	t.Helper()
	ls := streams.NewLines(l, 0)
	defer ls.Close()
	for {
		line, err := ls.Next(t.Context(), 0)
		if err == io.EOF {
			return lines, numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		lines, numbers = append(lines, string(line.Text)), append(numbers, line.Number)
	}
}

// crashed is an archive of which the last part of one file or the other has not
// reached the disk, as the next daemon reads it.
func crashed(t *testing.T, name string, log, idx []byte) *streams.Log {
	t.Helper()
	must(t, os.WriteFile(name+".log", log, 0o600))
	must(t, os.WriteFile(name+".idx", idx, 0o600))
	k := open(t, filepath.Join(filepath.Dir(name), "../.."), Limits{})
	t.Cleanup(func() { k.Close() })
	files := k.Files("app:web")
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	return streams.Archived(files[0].Stdout())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A line keeps its number if the file ends anywhere behind it, and has one of
// its own, larger than all before, if that is not in the index.
func TestNumbersAfterACrash(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	_, out, stderr := k.start(1)
	for i := range 30 {
		switch i % 3 {
		case 0:
			fmt.Fprintf(out, "line %d\nand %d\n", i, i)
		case 1:
			fmt.Fprintf(out, "half of ")
		default:
			fmt.Fprintf(out, "%d\n%d\n%d\n", i, i, i)
			fmt.Fprintf(stderr, "error %d\n", i)
		}
	}
	out.Close()
	stderr.Close()
	must(t, k.Close())
	name := filepath.Join(dir, "app/app:web/1")
	log, err := os.ReadFile(name + ".log")
	must(t, err)
	idx, err := os.ReadFile(name + ".idx")
	must(t, err)
	lines, numbers := numbered(t, crashed(t, name, log, idx))
	if len(lines) != 50 {
		t.Fatalf("%d lines", len(lines))
	}
	for cut := 60; cut <= len(log); cut += 7 {
		got, kept := numbered(t, crashed(t, name, log[:cut], idx))
		for i := range got {
			if got[i] != lines[i] || kept[i] != numbers[i] {
				t.Fatalf("the log cut at %d: line %d is %q of write %d, want %q of %d", cut, i, got[i], kept[i], lines[i], numbers[i])
			}
		}
	}
	head := len(idx) - 31*entrySize // 30 writes and the end: what is held has none
	if string(idx[head-4:head]) != "meta" {
		t.Fatalf("the index has more or fewer entries: %q", idx[:head])
	}
	for entries := range 31 {
		got, kept := numbered(t, crashed(t, name, log, idx[:head+entries*entrySize]))
		if len(got) != len(lines) {
			t.Fatalf("%d entries: %d lines, want %d", entries, len(got), len(lines))
		}
		for i := range got {
			known := i == 0 || kept[i] == numbers[i]
			if got[i] != lines[i] || i > 0 && kept[i] < kept[i-1] || kept[i] < numbers[i] || !known && kept[i] <= numbers[len(numbers)-1] {
				t.Fatalf("%d entries: line %d is %q of write %d, behind %d, was %q of %d", entries, i, got[i], kept[i], kept[i-1], lines[i], numbers[i])
			}
		}
		// Once mended it stays as it is.
		again, err := os.ReadFile(name + ".idx")
		must(t, err)
		if _, same := numbered(t, crashed(t, name, log, again)); fmt.Sprint(same) != fmt.Sprint(kept) {
			t.Errorf("%d entries: numbers %v, and the next time %v", entries, kept, same)
		}
	}
}

// What is on disk of a batch when the daemon is killed in it has its numbers.
func TestIndexIsWrittenFirst(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	f := k.Create("app", "app:web", 1, []byte("meta"))
	w := &writer{f: f}
	must(t, w.open())
	empty := w.log
	w.log, _ = os.Open(empty.Name()) // a write fails
	w.enter(entry{number: 1, fd: stdout})
	w.emit(&record{fd: stdout, text: []byte("line")})
	if err := w.flush(); err == nil {
		t.Fatal("written to what cannot be written")
	}
	if info, err := w.idx.Stat(); err != nil || info.Size() != w.idxSize+entrySize {
		t.Errorf("the index has %d bytes behind its %d, %v", info.Size()-w.idxSize, w.idxSize, err)
	}
	w.log.Close()
	w.log = empty
	must(t, w.flush())
	w.close()
	must(t, k.Close())
}

// An instance that says nothing more to the program that goes on with it did not end before
// it began.
func TestEndOfWhatWasTakenOver(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	began := time.Now().Add(-time.Minute).UnixNano()
	f, out, _ := k.start(7)
	fmt.Fprintln(out, "hello")
	waitFor(t, &k.bell, func() bool { return f.Stdout().End() == 6 })
	k.Close() // as if the program had died

	k = open(t, dir, Limits{})
	defer k.Close()
	f = k.Files("app:web")[0]
	o := streams.Options{Sequence: &k.seq, Bell: &k.bell, Archive: f.Stdout()}
	out = streams.NewLog(o)
	o.Archive = f.Stderr()
	errs := streams.NewLog(o)
	k.Follow(f, out, errs)
	out.Close()
	errs.Close()
	waitFor(t, &k.bell, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.live) == 0
	})
	l := streams.Archived(f.Stdout())
	if at := l.LineAfter(func(m streams.Mark) bool { return m.UnixNano >= began }); at != 0 {
		t.Errorf("the first line since it began is at %d, want 0", at)
	}
}

// TestIndexWithoutEntries holds that what stands before the first entry is not read as one,
// as that of the end: a daemon may be killed before it has written any.
func TestIndexWithoutEntries(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "idx"))
	must(t, err)
	defer f.Close()
	_, err = f.Write(appendHeader(nil, []byte(`{"index":1,"streams":["stdout","stderr"]}`)))
	must(t, err)
	x, err := readIndex(f)
	must(t, err)
	if es, err := x.entries(x.count-1, 1); err != nil || len(es) > 0 {
		t.Errorf("%+v, %v", es, err)
	}
}
