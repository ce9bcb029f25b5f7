package archive

import (
	"fmt"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// A daemon that goes on with a file and is killed before the first batch is there as a
// whole leaves a segment with nothing in it. The next one goes on where the last one
// with something ends, and not at the beginning.
func TestKilledBeforeTheFirstBatch(t *testing.T) {
	for about, batch := range map[string]func(w *writer){
		"the files are there":     func(*writer) {},
		"the index is there":      func(w *writer) { w.idx.WriteAt((&entry{offset: w.offset, fd: 1}).appendTo(nil), w.idxSize) },
		"half of a line is there": func(w *writer) { w.log.WriteAt([]byte("2026-11-29T14:30:"), 0) },
	} {
		dir := t.TempDir()
		k := open(t, dir, Limits{})
		_, out, stderr := k.start(1)
		fmt.Fprint(out, "one\ntwo\n")
		fmt.Fprint(stderr, "three\n")
		out.Close()
		stderr.Close()
		must(t, k.Close())

		k = open(t, dir, Limits{})
		f := k.Files("app:web")[0]
		end, number := f.end, f.number
		w := &writer{f: f, offset: f.end, number: f.number}
		must(t, w.open())
		batch(w)
		w.closeFiles()
		must(t, k.Close())

		k = open(t, dir, Limits{})
		f = k.Files("app:web")[0]
		if f.end != end || f.number != number {
			t.Errorf("%s: it goes on at %v with write %d, want %v and %d", about, f.end, f.number, end, number)
		}
		for i, s := range f.segments {
			if i > 0 && (s.start != end || s.nano != f.segments[0].nano) {
				t.Errorf("%s: segment %d begins at %v and is of %d, want %v and %d", about, i, s.start, s.nano, end, f.segments[0].nano)
			}
		}
		if lines, _ := numbered(t, streams.Archived(f.Stdout())); fmt.Sprint(lines) != "[one two]" {
			t.Errorf("%s: there is %q", about, lines)
		}
		must(t, k.Close())
	}
}
