package manager

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// bytesRead is how much this program has read from anywhere so far.
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	must(t, err)
	if _, err := fmt.Sscanf(string(text), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// archived has so many instances of shop:web end in an earlier life of a daemon,
// one after the other.
func archived(t *testing.T, dir string, instances int, write func(pid int, out *streams.Log)) {
	t.Helper()
	var seq streams.Sequence
	var bell streams.Bell
	d, err := archive.Open(filepath.Join(dir, "logs"), archive.Options{Sequence: &seq, Bell: &bell})
	must(t, err)
	for pid := 1; pid <= instances; pid++ {
		f := d.Create("shop", "shop:web", pid, encode(logMeta{Index: 1, outline: outline{Streams: []string{"stdout", "stderr"}}}))
		out := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
		d.Follow(f, out, nil)
		write(pid, out)
		out.Close()
	}
	must(t, d.Close())
}

// The last lines of a million are found by reading little from the end, however
// they are asked for.
func TestTailOfAMillionLinesReadsLittle(t *testing.T) {
	const lines = 1_000_000
	dir := t.TempDir()
	archived(t, dir, 1, func(_ int, out *streams.Log) {
		var text bytes.Buffer
		for i := range lines {
			fmt.Fprintf(&text, "line %d\n", i)
			if text.Len() >= 4<<10 || i == lines-1 {
				out.Write(text.Bytes())
				text.Reset()
			}
		}
	})
	m, end := stateManager(t, dir)
	defer end()
	_, last := logsOf(t, m, "shop", LogQuery{Tail: 100})
	for name, q := range map[string]LogQuery{
		"n=100":           {Tail: 100},
		"n=100, by type":  {Tail: 100, Filter: []string{"web"}},
		"behind the last": {Tail: -1, After: last},
	} {
		before := bytesRead(t)
		got, _ := logsOf(t, m, "shop", q)
		read := bytesRead(t) - before
		if q.Tail > 0 && (len(got) != 100 || got[0] != fmt.Sprintf("[web-1] line %d", lines-100)) || q.Tail == 0 && len(got) > 0 {
			t.Errorf("%s: %d lines, from %.50q on", name, len(got), got)
		}
		if read > 2<<20 {
			t.Errorf("%s: %d bytes were read", name, read)
		}
		t.Logf("%s: %d bytes", name, read)
	}
}

// Of a process that has ended thousands of times only those instances are looked
// at that have one of the lines.
func TestTailOfManyInstancesReadsLittle(t *testing.T) {
	const instances = 2000
	dir := t.TempDir()
	archived(t, dir, instances, func(pid int, out *streams.Log) { fmt.Fprintf(out, "one\ntwo of %d\n", pid) })
	m, end := stateManager(t, dir)
	defer end()
	_, last := logsOf(t, m, "shop", LogQuery{Tail: 5})
	for name, tc := range map[string]struct {
		query LogQuery
		want  int
	}{
		"n=5":                 {LogQuery{Tail: 5}, 5},
		"n=0":                 {LogQuery{Tail: TailNone}, 0},
		"since then":          {LogQuery{Since: time.Now()}, 0},
		"behind the last":     {LogQuery{After: last}, 0},
		"n=5, of an instance": {LogQuery{Tail: 5, Filter: []string{"web-1"}}, 5},
	} {
		before := bytesRead(t)
		got, _ := logsOf(t, m, "shop", tc.query)
		read := bytesRead(t) - before
		if len(got) != tc.want || tc.want > 0 && (got[0] != fmt.Sprintf("[web-1] two of %d", instances-2) || got[4] != fmt.Sprintf("[web-1] two of %d", instances)) {
			t.Errorf("%s: %q", name, got)
		}
		if read > 64<<10 {
			t.Errorf("%s: %d bytes were read", name, read)
		}
	}
}
