package archive

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// What the writer has in hand is neither on disk yet nor forgotten: who comes then misses
// nothing.
func TestNothingIsMissedOnItsWayToDisk(t *testing.T) {
	k := open(t, t.TempDir(), Limits{})
	defer k.Close()
	f := k.Create("app", "app:web", 1, nil)
	out := streams.NewLog(streams.Options{Window: 4 << 10, Sequence: &k.seq, Archive: f.Stdout()})
	w := &writer{f: f, logs: [2]*streams.Log{out}}
	w.taps[0] = out.Tap(0)
	check := func(when string) {
		t.Helper()
		if data, missed := out.Read(0, math.MaxInt32); missed > 0 || int64(len(data)) != out.End() {
			t.Errorf("%s: %d bytes, and %d are missed of %d", when, len(data), missed, out.End())
		}
	}
	for i := range 2000 {
		fmt.Fprintf(out, "line %0100d\n", i)
		for fd, n := w.first(math.MaxUint64); fd != 0; fd, n = w.first(math.MaxUint64) {
			w.add(fd, n, time.Now())
		}
	}
	check("before they are written")
	must(t, w.flush())
	check("when they are written")
	fmt.Fprint(out, "an unfinished line")
	out.Close()
	if _, ended, err := w.pump(time.Now(), math.MaxUint64); !ended || err != nil {
		t.Errorf("the end is not written: %v", err)
	}
	check("in the end")
}
