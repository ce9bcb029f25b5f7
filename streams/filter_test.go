package streams

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// What a Filter leaves out is what one would leave out oneself, wherever lines
// and writes end.
func TestLinesOnly(t *testing.T) {
	words := []string{"GET /a", "PUT /b", "x", "", "GE", "T /a", "\r", "\n", "\n", "\r\n", "GET", " /a\n"}
	wanted := func(text []byte) bool { return bytes.Contains(text, []byte("GET /a")) }
	for round := range 2000 {
		l := NewLog(Options{})
		for range 1 + rand.IntN(30) {
			var write []byte
			for range 1 + rand.IntN(10) {
				write = append(write, words[rand.IntN(len(words))]...)
			}
			l.Write(write)
		}
		l.Close()
		filters := map[string]Filter{"match": {Match: wanted}, "prefix": {wanted, []byte("GET /a")}}
		want := linesOf(t, NewLines(l, 0), wanted)
		for name, f := range filters {
			if got := linesOf(t, NewLinesOnly(l, 0, f), wanted); !slices.Equal(got, want) {
				all, _ := l.Read(0, 1<<20)
				t.Fatalf("round %d, %s, of %q: got\n%q, want\n%q", round, name, all, got, want)
			}
		}
		l.Discard()
	}
}

// linesOf describes the lines that are wanted.
func linesOf(t *testing.T, ls *Lines, wanted func([]byte) bool) (all []string) {
	t.Helper()
	defer ls.Close()
	last := uint64(0)
	for {
		line, _, err := ls.Poll()
		if err == io.EOF {
			return all
		}
		if err != nil || line.Number < last {
			t.Fatalf("write %d after %d: %v", line.Number, last, err)
		}
		last = line.Number
		if !line.Dropped && wanted(line.Text) {
			all = append(all, fmt.Sprintf("%d-%d %s (%d)", line.Offset, line.End, line.Text, line.Number))
		}
	}
}
