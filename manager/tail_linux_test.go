package manager

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

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

// The last lines of a million are found by reading little from the end, however
// they are asked for.
func TestTailOfAMillionLinesReadsLittle(t *testing.T) {
	const lines = 1_000_000
	dir := t.TempDir()
	var seq streams.Sequence
	var bell streams.Bell
	d, err := archive.Open(filepath.Join(dir, "logs"), archive.Options{Sequence: &seq, Bell: &bell})
	must(t, err)
	f := d.Create("shop", "shop:web", 1, encode(logMeta{Index: 1, Streams: []string{"stdout", "stderr"}}))
	out := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
	d.Follow(f, out, nil)
	var text bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&text, "line %d\n", i)
		if text.Len() >= 4<<10 || i == lines-1 {
			out.Write(text.Bytes())
			text.Reset()
		}
	}
	out.Close()
	must(t, d.Close())
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
		if q.Tail > 0 && (len(got) != 100 || got[0] != fmt.Sprintf("[web-1] line %d", lines-100)) || q.Tail < 0 && len(got) > 0 {
			t.Errorf("%s: %d lines, from %.50q on", name, len(got), got)
		}
		if read > 2<<20 {
			t.Errorf("%s: %d bytes were read", name, read)
		}
		t.Logf("%s: %d bytes", name, read)
	}
}
