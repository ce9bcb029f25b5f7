package manager

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// Who asks for the lines since a time is told if there were more than are kept on
// disk, and so is who comes with the cursor of a line that is not kept any more.
func TestLogsSinceATimeThatIsNoLongerKept(t *testing.T) {
	dir := t.TempDir()
	var seq streams.Sequence
	var bell streams.Bell
	d, err := archive.Open(filepath.Join(dir, "logs"), archive.Options{
		Sequence: &seq, Bell: &bell, Limits: archive.Limits{Size: 20 << 10, Segment: 5 << 10, Age: time.Hour},
	})
	must(t, err)
	f := d.Create("shop", "shop:web", 1, encode(logMeta{Index: 1, outline: outline{Streams: []string{"stdout", "stderr"}}}))
	out := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
	errs := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stderr()})
	d.Follow(f, out, errs)
	before := time.Now()
	fmt.Fprintln(errs, "a banner")
	var second, last time.Time
	const lines = 12
	for i := range lines {
		switch i {
		case 1:
			second = time.Now()
		case lines - 1:
			last = time.Now()
			fmt.Fprintln(errs, "failed")
		}
		fmt.Fprintf(out, "%d %s\n", i, strings.Repeat("x", 4<<10))
		until(t, "the line is on disk, as a write of its own", func() bool { return f.Stdout().End() == out.End() })
	}
	out.Close()
	errs.Close()
	must(t, d.Close())
	m, end := stateManager(t, dir)
	defer end()
	all, _ := logsOf(t, m, "shop", LogQuery{Stream: "stdout"})
	if len(all) < 3 || len(all) > lines-2 || all[0] != "[web-1] " {
		t.Fatalf("%d lines are kept, the first %.20q: want a gap and the last lines", len(all), all[0])
	}
	for name, tc := range map[string]struct {
		query LogQuery
		want  int
	}{
		"since before it began":   {LogQuery{Stream: "stdout", Since: before}, len(all)},
		"since the second line":   {LogQuery{Stream: "stdout", Since: second}, len(all)},
		"since the last line":     {LogQuery{Stream: "stdout", Since: last}, 1},
		"the last two since then": {LogQuery{Tail: 2, Stream: "stdout", Since: before}, 2},
		"behind the banner":       {LogQuery{Stream: "stdout", After: LogCursor{number: 1, key: outputKey{1, 2}, end: 9}}, len(all)},
		"stderr since then":       {LogQuery{Stream: "stderr", Since: before}, 2},
		"stderr, since the last":  {LogQuery{Stream: "stderr", Since: last}, 1}, // the banner was long before
	} {
		got, _ := logsOf(t, m, "shop", tc.query)
		if len(got) != tc.want || tc.want == len(all) && got[0] != all[0] {
			t.Errorf("%s: %d lines, %.20q; want %d", name, len(got), got, tc.want)
		}
	}
}
