package manager

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// BenchmarkGrep looks for lines in what an earlier daemon has kept.
func BenchmarkGrep(b *testing.B) {
	const lines, size = 500_000, 60
	dir := b.TempDir()
	var seq streams.Sequence
	var bell streams.Bell
	d, err := archive.Open(filepath.Join(dir, "logs"), archive.Options{Sequence: &seq, Bell: &bell})
	if err != nil {
		b.Fatal(err)
	}
	f := d.Create("web", "web", 1, nil)
	l := streams.NewLog(streams.Options{MaxWindow: 1 << 40, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
	d.Follow(f, l, nil)
	var text bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&text, "%-*s\n", size-1, fmt.Sprintf("GET /items/%d 200 in %d ms", i, i*7919%1000))
		if text.Len() >= 32<<10 || i == lines-1 {
			l.Write(text.Bytes())
			text.Reset()
		}
	}
	l.Close()
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	state, err := OpenState(b.Context(), dir, StateOptions{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer state.Close()
	m := New(Options{Logger: slog.New(slog.DiscardHandler), State: state})
	defer m.Shutdown(b.Context())
	for _, pattern := range []string{`GET /items/49999[0-9]`, `(GET|PUT) /items/49999[0-9]`} {
		b.Run(pattern, func(b *testing.B) {
			b.SetBytes(lines * size)
			for b.Loop() {
				r, err := m.Logs("web", LogQuery{Grep: regexp.MustCompile(pattern)})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for range r.All(b.Context()) {
					n++
				}
				if n != 10 {
					b.Fatalf("%d lines, want 10", n)
				}
			}
		})
	}
}
