package streams

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// lines reads a finished log.
func lines(t testing.TB, l *Log, offset int64) (got []Line) {
	t.Helper()
	ls := NewLines(l, offset)
	defer ls.Close()
	for {
		line, err := ls.Next(context.Background(), 0)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		line.Text = bytes.Clone(line.Text)
		got = append(got, line)
	}
}

func TestLinesWhereverReadsMeet(t *testing.T) {
	const text = "one\ntwo\r\nthree\rfour\n\n\r\n\xe2\x82\xac5\nend"
	type line struct {
		At, End int64
		Text    string
	}
	want := []line{{0, 4, "one"}, {4, 9, "two"}, {9, 15, "three"}, {15, 20, "four"}, {20, 21, ""}, {21, 23, ""}, {23, 28, "€5"}, {28, 31, "end"}}
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			l := NewLog(Options{Window: 1 << 10})
			for _, part := range []string{text[:i], text[i:j], text[j:]} {
				if part != "" {
					l.store.grow(len(part)) // chunks end where blocks do
					l.store.add([]byte(part), l.sequence.mark(l.store.end))
				}
			}
			l.Close()
			var got []line
			for _, ln := range lines(t, l, 0) {
				got = append(got, line{ln.Offset, ln.End, string(ln.Text)})
			}
			// A CR at the end of a read ends the line there; its LF is skipped later.
			for k := range got {
				if k+1 < len(got) {
					got[k].End = got[k+1].At
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("split at %d and %d:\n%s", i, j, d)
			}
		}
	}
}

func TestLinesResumeBetweenCRAndLF(t *testing.T) {
	l := NewLog(Options{})
	fmt.Fprint(l, "one\r\ntwo\n")
	l.Close()
	if got := lines(t, l, 4); len(got) != 1 || string(got[0].Text) != "two" {
		t.Errorf("got %v", got)
	}
}

func TestLongLineComesInPieces(t *testing.T) {
	l := NewLog(Options{Window: 8 * mib})
	text := strings.Repeat("0123456789€", 5*mib/26*2) // pieces end inside a rune
	fmt.Fprint(l, text, "\nnext\n")
	l.Close()
	var whole strings.Builder
	got := lines(t, l, 0)
	for i, line := range got[:len(got)-1] {
		if len(line.Text) > maxLine || !utf8.Valid(line.Text) {
			t.Errorf("piece %d: %d bytes, valid %v", i, len(line.Text), utf8.Valid(line.Text))
		}
		if line.Continuation != (i > 0) || line.Partial != (i < len(got)-2) {
			t.Errorf("piece %d of %d: continuation %v, partial %v", i, len(got)-1, line.Continuation, line.Partial)
		}
		whole.Write(line.Text)
	}
	if whole.String() != text {
		t.Error("the pieces are not the line")
	}
	if last := got[len(got)-1]; string(last.Text) != "next" || last.Continuation || last.End != l.End() {
		t.Errorf("after it: %+v", last)
	}
}

func TestUnfinishedLineWaitsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		ls := NewLines(l, 0)
		defer ls.Close()
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { fmt.Fprint(l, "name: \xe2\x82") })
		if _, err := ls.Next(t.Context(), 2*time.Second); err != ErrIdle || time.Since(began) != 2*time.Second {
			t.Fatalf("idle: %v after %v", err, time.Since(began))
		}
		line, err := ls.Next(t.Context(), 0)
		if err != nil || string(line.Text) != "name: " || !line.Partial || time.Since(began) != 6*time.Second {
			t.Fatalf("prompt: %q %+v %v after %v", line.Text, line, err, time.Since(began))
		}
		if _, err := ls.Next(t.Context(), 10*time.Second); err != ErrIdle {
			t.Fatalf("half a rune: %v", err)
		}
		fmt.Fprint(l, "\xacX\n")
		line, err = ls.Next(t.Context(), 0)
		if err != nil || string(line.Text) != "€X" || line.Partial || !line.Continuation {
			t.Fatalf("rest: %q %+v %v", line.Text, line, err)
		}
		if !line.Time.Equal(began.Add(5 * time.Second)) {
			t.Errorf("its first byte was read at %v", line.Time)
		}
		l.Close()
		if _, err := ls.Next(t.Context(), 0); err != io.EOF {
			t.Errorf("end: %v", err)
		}
	})
}

func TestLinesTellOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{Window: 4 << 10})
		fmt.Fprint(l, "begun")
		ls := NewLines(l, 0)
		defer ls.Close()
		if _, err := ls.Next(t.Context(), time.Millisecond); err != ErrIdle {
			t.Fatal(err)
		}
		ls.cursor.patient.gone = true
		for range 100 {
			fmt.Fprint(l, strings.Repeat("x", 99), "\n")
		}
		l.Close()
		cut, _ := ls.Next(t.Context(), 0)
		if string(cut.Text) != "begun" || cut.Missed != 0 {
			t.Errorf("before the gap: %q %+v", cut.Text, cut)
		}
		gap, _ := ls.Next(t.Context(), 0)
		if gap.Missed != l.Start()-5 || gap.Text != nil || gap.Offset != l.Start() {
			t.Errorf("gap: %+v, log starts at %d", gap, l.Start())
		}
		if line, err := ls.Next(t.Context(), 0); err != nil || line.Missed != 0 || line.Offset != l.Start() {
			t.Errorf("after the gap: %+v %v", line, err)
		}
	})
}

// TestCloneHasTheLineSoFar clones a reader when the stream, which waits for its readers,
// no longer keeps the beginning of the line that it is in the middle of.
func TestCloneHasTheLineSoFar(t *testing.T) {
	l := NewLog(Options{Window: 4 << 10, MaxWindow: 4 << 10, Backpressure: true})
	ls := NewLines(l, 0)
	defer ls.Close()
	fmt.Fprint(l, "first\n")
	if line, _, err := ls.Poll(); err != nil || string(line.Text) != "first" {
		t.Fatalf("%+v %v", line, err)
	}
	for range 100 {
		fmt.Fprint(l, strings.Repeat("x", 99), "y")
		if _, _, err := ls.Poll(); err != ErrIdle {
			t.Fatal(err)
		}
	}
	clone := ls.Clone()
	defer clone.Close()
	if at, open := clone.Place(); at != 6 || open || at >= l.Start() {
		t.Errorf("place: %d %v, log starts at %d", at, open, l.Start())
	}
	fmt.Fprint(l, "\r\nlast\n")
	for _, ls := range []*Lines{ls, clone} {
		line, _, err := ls.Poll()
		if err != nil || len(line.Text) != 100*100 || line.Offset != 6 || line.Missed != 0 {
			t.Errorf("%d bytes at %d, %d missed: %v", len(line.Text), line.Offset, line.Missed, err)
		}
	}
	third := clone.Clone() // with the last line in hand
	defer third.Close()
	for _, ls := range []*Lines{ls, clone, third} {
		if line, _, err := ls.Poll(); err != nil || string(line.Text) != "last" || line.Missed != 0 {
			t.Errorf("%q, %d missed: %v", line.Text, line.Missed, err)
		}
	}
}

func TestLineTimesAndNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		began := time.Now()
		fmt.Fprint(l, "a\nb")
		time.Sleep(time.Second / 2)
		fmt.Fprint(l, "b\nc\n")
		l.Close()
		for i, want := range []struct {
			text   string
			after  time.Duration
			number uint64
		}{{"a", 0, 1}, {"bb", 0, 2}, {"c", time.Second / 2, 2}} {
			got := lines(t, l, 0)[i]
			if string(got.Text) != want.text || !got.Time.Equal(began.Add(want.after)) || got.Number != want.number {
				t.Errorf("line %d: %q %+v", i, got.Text, got)
			}
		}
	})
}

// Who reads as the writes come and who reads later get the same lines of the same
// writes: one that ends in CRLF is complete with the CR.
func TestNumbersWheneverLinesAreRead(t *testing.T) {
	const text = "one\r\ntwo\r\rfour\n\r\nend\r\n"
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			writes := []string{text[:i], text[i:j], text[j:]}
			together, apart := NewLog(Options{}), NewLog(Options{})
			live := NewLines(together, 0)
			defer live.Close()
			var want []string
			for _, write := range writes {
				if write == "" {
					continue
				}
				fmt.Fprint(together, write)
				for line, _, err := live.Poll(); err == nil; line, _, err = live.Poll() {
					want = append(want, fmt.Sprintf("%d %q", line.Number, line.Text))
				}
				apart.store.grow(len(write)) // chunks end where blocks do
				apart.store.add([]byte(write), apart.sequence.mark(apart.store.end))
			}
			for about, l := range map[string]*Log{"in one chunk": together, "in a chunk each": apart} {
				l.Close()
				var got []string
				for _, line := range lines(t, l, 0) {
					got = append(got, fmt.Sprintf("%d %q", line.Number, line.Text))
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("writes %q %s:\n%s", writes, about, d)
				}
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\n€"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		l := NewLog(Options{})
		for part := range chunks(text, int(step)+1) {
			l.store.grow(len(part))
			l.store.add(part, l.sequence.mark(l.store.end))
		}
		l.Close()
		var got []string
		for _, line := range lines(t, l, 0) {
			got = append(got, string(line.Text))
		}
		plain := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
		want := strings.Split(plain, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) != len(want) {
			t.Errorf("%q in steps of %d: got %q, want %q", text, step, got, want)
		}
	})
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}
