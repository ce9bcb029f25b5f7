package archive

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// kept archives so many lines of 100 bytes and returns the log of the next life.
func kept(tb testing.TB, lines int) (*Dir, *streams.Log) {
	dir := filepath.Join(tb.TempDir(), "logs")
	var seq streams.Sequence
	var bell streams.Bell
	o := Options{Limits: Limits{Size: 1 << 40, Segment: 16 << 20}, Sequence: &seq, Bell: &bell}
	d, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	f := d.Create("app", "app", 1, nil)
	l := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
	d.Follow(f, l, nil)
	var text bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&text, "%-99d\n", i)
		if text.Len() >= 32<<10 || i == lines-1 {
			l.Write(text.Bytes())
			text.Reset()
		}
	}
	l.Close()
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	if d, err = Open(dir, o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d, streams.Archived(d.Files("app")[0].Stdout())
}

// The last lines of many are found without reading the others.
func TestTailReadsLittle(t *testing.T) {
	d, l := kept(t, 250_000)
	at := l.TailLines(100)
	if text, missed := l.Read(at, 1<<20); missed != 0 || bytes.Count(text, []byte("\n")) != 100 {
		t.Fatalf("%d bytes from %d, %d missed", len(text), at, missed)
	}
	if n := d.bytesRead.Load(); n > 1<<20 {
		t.Errorf("read %d bytes for the last 10,000", n)
	}
}

func BenchmarkReadLines(b *testing.B) {
	_, l := kept(b, 300_000)
	b.SetBytes(l.End())
	for b.Loop() {
		ls := streams.NewLines(l, 0)
		n := 0
		for {
			_, err := ls.Next(b.Context(), 0)
			if err == io.EOF {
				break
			}
			n++
		}
		ls.Close()
		if n != 300_000 {
			b.Fatal(n)
		}
	}
}

// BenchmarkWrite writes lines of 100 bytes, as many at once as a flooding pipe
// brings.
func BenchmarkWrite(b *testing.B) {
	const writes, size = 2000, 64 << 10
	text := bytes.Repeat(append(bytes.Repeat([]byte("x"), 99), '\n'), size/100+1)[:size]
	b.SetBytes(writes * size)
	for b.Loop() {
		b.StopTimer()
		k := open(b, b.TempDir(), Limits{Size: 1 << 40})
		f := k.Create("app", "app", 1, nil)
		l := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &k.seq, Archive: f.Stdout()})
		w := &writer{f: f, logs: [2]*streams.Log{l}}
		w.taps[0] = l.Tap(0)
		b.StartTimer()
		for range writes {
			l.Write(text)
			if _, _, err := w.pump(time.Now(), k.seq.Last()); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		l.Close()
		w.close()
		k.Close()
		b.StartTimer()
	}
}
