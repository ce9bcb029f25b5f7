package archive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// large writes a log of two segments, with more entries than are looked at when it is
// opened, and returns what is in stdout, with zeros where something is missing.
func large(t *testing.T, dir string) (want []byte, names []string) {
	t.Helper()
	k := open(t, dir, Limits{Size: 1 << 30})
	f := k.Create("app", "app:web", 1, []byte("meta"))
	w := &writer{f: f, nano: time.Now().UnixNano()}
	for i := range 2 * (tailEntries + 2000) {
		w.number++
		w.nano += 10
		if i%1000 == 999 {
			w.miss(stdout, 100)
			want = append(want, make([]byte, 100)...)
			w.number++
		}
		w.enter(entry{number: w.number, nano: w.nano, fd: stdout})
		for n := range 1 + i%3 {
			r := record{nano: w.nano, fd: stdout, text: fmt.Appendf(nil, "line %d of write %d", n, i)}
			w.emit(&r)
			want = append(append(want, r.text...), '\n')
		}
		if i%50 == 0 {
			must(t, w.flush())
		}
		if i == tailEntries+2004 {
			must(t, w.rotate())
		}
	}
	must(t, w.flush())
	w.close()
	must(t, k.Close())
	for _, s := range f.segments {
		names = append(names, filepath.Join(dir, s.name))
	}
	if len(names) != 2 {
		t.Fatalf("%d segments", len(names))
	}
	return want, names
}

// Zeros anywhere in an index or a log, as a power cut leaves them, may cost lines, which
// readers are told of. What they get is what was there, and in its place.
func TestZerosAnywhere(t *testing.T) {
	dir := t.TempDir()
	want, names := large(t, dir)
	rng := rand.New(rand.NewPCG(5, 9))
	for range 60 {
		name := names[rng.IntN(2)] + []string{".idx", ".log"}[rng.IntN(2)]
		whole, err := os.ReadFile(name)
		must(t, err)
		damaged := bytes.Clone(whole)
		for range 1 + rng.IntN(2) { // the head and the end are others' matter
			n := 500 + rng.IntN(20_000) // more than a write
			clear(damaged[1000+rng.IntN(len(damaged)-n-2000):][:n])
		}
		must(t, os.WriteFile(name, damaged, 0o600))
		k, leftOut := openSome(t, dir)
		l := streams.Archived(k.Files("app:web")[0].Stdout())
		for _, from := range []int64{0, rng.Int64N(int64(len(want)))} {
			at, got := from, 0
			c := l.Subscribe(from)
			for chunk, err := range c.All(t.Context()) {
				must(t, err)
				if at += chunk.Missed; at != chunk.Offset {
					t.Fatalf("%s: from %d: %d bytes of %d come at %d", name, from, len(chunk.Data), chunk.Offset, at)
				}
				if at += int64(len(chunk.Data)); !bytes.Equal(chunk.Data, want[chunk.Offset:at]) {
					t.Fatalf("%s: from %d: at %d come other bytes", name, from, chunk.Offset)
				}
				got += len(chunk.Data)
			}
			c.Close()
			if at != int64(len(want)) || from == 0 && got < len(want)/2 {
				t.Errorf("%s: from %d: %d bytes up to %d of %d; %q", name, from, got, at, len(want), leftOut)
			}
		}
		must(t, k.Close())
		must(t, os.WriteFile(name, whole, 0o600))
	}
}
