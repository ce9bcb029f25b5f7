package streams

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// readAll reads what a cursor gets until the end of its log.
func readAll(t *testing.T, c *Cursor) (data []byte, missed int64) {
	t.Helper()
	for chunk, err := range c.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, chunk.Data...)
		missed += chunk.Missed
	}
	return data, missed
}

func TestReadersGetEveryByte(t *testing.T) {
	l := NewLog(Options{Window: 64 << 10, MaxWindow: 1 << 20})
	rng := rand.New(rand.NewPCG(1, 2))
	want := sha256.New()
	var wg sync.WaitGroup
	sums := make([][32]byte, 8)
	for i := range sums {
		c := l.Subscribe(0)
		wg.Go(func() {
			defer c.Close()
			h := sha256.New()
			for chunk, err := range c.All(t.Context()) {
				if err != nil || chunk.Missed > 0 {
					t.Errorf("reader %d: missed %d, %v", i, chunk.Missed, err)
					return
				}
				h.Write(chunk.Data)
			}
			h.Sum(sums[i][:0])
		})
	}
	buf := make([]byte, 100<<10)
	for range 200 {
		p := buf[:rng.IntN(len(buf))]
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		want.Write(p)
		if n, err := l.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	l.Close()
	wg.Wait()
	for i := range sums {
		if !bytes.Equal(sums[i][:], want.Sum(nil)) {
			t.Errorf("reader %d got other bytes", i)
		}
	}
}

func TestOffsets(t *testing.T) {
	l := NewLog(Options{})
	fmt.Fprint(l, "one\ntwo\n")
	for _, tc := range []struct {
		at   int64
		want string
	}{{0, "one\ntwo\n"}, {4, "two\n"}, {8, ""}, {99, ""}, {Latest, ""}} {
		c := l.Subscribe(tc.at)
		defer c.Close()
		chunk, err := c.Next(t.Context(), time.Millisecond)
		if tc.want == "" {
			if err != ErrIdle {
				t.Errorf("at %d: %v, want ErrIdle", tc.at, err)
			}
		} else if string(chunk.Data) != tc.want {
			t.Errorf("at %d: %q, want %q", tc.at, chunk.Data, tc.want)
		}
	}
	l.Close()
	if _, err := l.Write([]byte("x")); err != ErrClosed {
		t.Errorf("write to a closed log: %v, want ErrClosed", err)
	}
	if _, err := l.Subscribe(8).Next(t.Context(), 0); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestFollowerWakesOnWriteAndEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		var got strings.Builder
		var end error
		go func() {
			c := l.Subscribe(0)
			defer c.Close()
			for chunk, err := range c.All(ctx) {
				end = err
				got.Write(chunk.Data)
			}
		}()
		synctest.Wait() // parked, not merely slow
		fmt.Fprint(l, "ready\n")
		synctest.Wait()
		if got.String() != "ready\n" {
			t.Errorf("got %q", got.String())
		}
		why := errors.New("enough")
		cancel(why)
		synctest.Wait()
		if end != why {
			t.Errorf("ended with %v, want the cause", end)
		}
	})
}

func TestGapIsTold(t *testing.T) {
	l := NewLog(Options{Window: 4 << 10})
	c := l.Subscribe(0)
	c.patient.gone = true // as if it had kept the writer waiting
	written := 0
	for range 100 {
		n, _ := l.Write(bytes.Repeat([]byte("x"), 1000))
		written += n
	}
	l.Close()
	data, missed := readAll(t, c)
	if int(missed)+len(data) != written || missed == 0 {
		t.Errorf("missed %d and got %d of %d", missed, len(data), written)
	}
	if l.Start() != missed || l.End() != int64(written) {
		t.Errorf("log keeps %d to %d", l.Start(), l.End())
	}
	if kept, missed := l.Read(0, 1<<20); len(kept) != len(data) || missed != l.Start() {
		t.Errorf("Read got %d bytes, %d missed", len(kept), missed)
	}
}

func TestWindowBoundsMemory(t *testing.T) {
	m := NewMemory(1 << 30)
	l := NewLog(Options{Window: 64 << 10, Memory: m})
	for _, size := range []int{1, 100, 5000, 70_000} { // marks count too
		for range 3000 {
			l.Write(make([]byte, size))
			if got := m.Used(); got > 64<<10 {
				t.Fatalf("writes of %d bytes: %d bytes of memory held", size, got)
			}
		}
	}
	l.Discard()
	if m.Used() != 0 {
		t.Errorf("%d bytes held after Discard", m.Used())
	}
}

// TestNeedsCoverWhatAReadTakes: a read that takes more memory than Pace has made
// room for costs readers that keep up what they have not read yet.
func TestNeedsCoverWhatAReadTakes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	l := NewLog(Options{Window: 1 << 30})
	for i := range 50000 {
		needs, size := l.store.needs(), l.store.size
		var full bool
		n, _ := l.Fill(func(p []byte) (int, error) {
			if full = rng.IntN(20) == 0; full {
				return len(p), nil
			}
			return rng.IntN(2000), nil
		})
		if took := l.store.size - size; took > needs {
			t.Fatalf("read %d of %d bytes (full: %v) took %d bytes of memory, %d were foreseen", i, n, full, took, needs)
		}
	}
}

func TestMemoryKnowsWhatIsHeld(t *testing.T) {
	memory := NewMemory(1 << 20)
	l, other := NewLog(Options{Memory: memory}), NewLog(Options{Memory: memory})
	check := func(when string) {
		t.Helper()
		if used, held := memory.Used(), l.held()+other.held(); used != held {
			t.Errorf("%s: %d bytes are used, want %d", when, used, held)
		}
	}
	c := l.Subscribe(0)
	letter := byte('a')
	pour(l, &letter, 128<<10)
	check("after a flood")
	l.Fill(func(p []byte) (int, error) {
		l.Close()
		pour(other, &letter, 2<<20) // wants room while l has some that was not heard of
		return len(p), nil
	})
	check("after an end in the middle of a read")
	c.Close()
	l.Discard()

	l = NewLog(Options{Memory: memory})
	c = l.Subscribe(0)
	l.Write(make([]byte, 2*DefaultWindow))
	l.Close()
	other.Discard()
	c.Close()
	check("after the last reader of what has ended")
}

func TestMemoryEvictsFinishedFirstThenLargest(t *testing.T) {
	m := NewMemory(1 << 20)
	write := func(l *Log, n int) {
		for range n / 1024 {
			l.Write(make([]byte, 1024))
		}
	}
	old, newer := NewLog(Options{Memory: m}), NewLog(Options{Memory: m})
	small, large := NewLog(Options{Memory: m}), NewLog(Options{Memory: m})
	write(old, 100<<10)
	write(newer, 100<<10)
	old.Close()
	newer.Close()
	write(small, 50<<10)
	write(large, 700<<10)
	for old.Start() == 0 {
		write(large, 1<<10)
	}
	if newer.Start() != 0 || small.Start() != 0 || large.Start() != 0 {
		t.Errorf("the log that finished first was not the first to go")
	}
	for newer.Start() < newer.End() {
		write(large, 1<<10)
		if m.Used() > 1<<20 {
			t.Fatalf("%d bytes held", m.Used())
		}
	}
	write(large, 600<<10)
	if small.Start() != 0 || large.Start() == 0 {
		t.Errorf("small was cut to %d, large to %d", small.Start(), large.Start())
	}
}

func TestMarksCoverEveryByte(t *testing.T) {
	var seq Sequence
	a, b := NewLog(Options{Sequence: &seq}), NewLog(Options{Sequence: &seq})
	fmt.Fprint(a, "1")
	fmt.Fprint(b, "22")
	fmt.Fprint(a, "333")
	read := func(l *Log, at int64) []Mark {
		chunk, err := l.Subscribe(at).Next(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return chunk.Marks
	}
	if m := read(a, 0); len(m) != 2 || m[0].Number != 1 || m[1].Number != 3 || m[1].Offset != 1 {
		t.Errorf("marks %v", m)
	}
	if m := read(a, 2); len(m) != 1 || m[0].Number != 3 {
		t.Errorf("marks in the middle of a write: %v", m)
	}
	if m := read(b, 0); len(m) != 1 || m[0].Number != 2 || m[0].Time().IsZero() {
		t.Errorf("marks %v", m)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		if err := l.Wait(t.Context(), 0, time.Minute); err != ErrIdle {
			t.Errorf("nothing written: %v", err)
		}
		time.AfterFunc(time.Second, func() { fmt.Fprint(l, "x") })
		if err := l.Wait(t.Context(), 0, time.Minute); err != nil {
			t.Errorf("written: %v", err)
		}
		time.AfterFunc(time.Second, func() { l.Close() })
		if err := l.Wait(t.Context(), 1, 0); err != io.EOF {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestTail(t *testing.T) {
	for _, tc := range []struct {
		text       string
		tail2      int64
		last, size int64
	}{
		{"", 0, 0, 0},
		{"a", 0, 0, 1},
		{"a\n", 0, 0, 2},
		{"a\nb\n", 0, 2, 4},
		{"a\nb\nc\n", 2, 4, 6},
		{"a\nb\nc", 2, 4, 5},
		{"a\r\nb\r\nc\r\n", 3, 6, 9},
		{"a\rb\rc", 2, 4, 5},
		{"a\n\n\n", 2, 0, 4},
		{"\n\n", 0, 2, 2},
		{"a\nb\n\r\n", 2, 2, 6},
	} {
		for split := range len(tc.text) + 1 { // wherever the blocks meet
			l := NewLog(Options{})
			for _, part := range []string{tc.text[:split], tc.text[split:]} {
				if part != "" {
					l.store.grow(len(part))
					l.store.add([]byte(part), l.sequence.mark(l.store.end))
				}
			}
			if got := l.TailLines(2); got != tc.tail2 {
				t.Errorf("%q: two lines back is %d, want %d", tc.text, got, tc.tail2)
			}
			if got := l.LastLine(); got != tc.last {
				t.Errorf("%q: last line at %d, want %d", tc.text, got, tc.last)
			}
		}
	}
}

// Lines are counted once where something is missing: what is before it is a line of
// its own, unless a line ends there.
func TestTailOverAGap(t *testing.T) {
	type run struct {
		at   int64
		text string
	}
	for _, tc := range []struct {
		runs []run
		want []int64
	}{
		{[]run{{0, "one\ntwo\n"}, {100, "three\nfour\n"}}, []int64{106, 100, 4, 0}},
		{[]run{{0, "one\ntw"}, {100, "ree\nfour"}}, []int64{104, 100, 4, 0}},
		{[]run{{0, "one\r"}, {100, "\nfour\n"}}, []int64{101, 100, 0}},
		{[]run{{0, "one\r\n"}, {50, "two"}, {100, "three\n"}}, []int64{100, 50, 0}},
		{[]run{{7, "one\n"}, {11, "two\n"}}, []int64{11, 7}}, // nothing is missing
	} {
		runs := func(yield func(int64, []byte) bool) {
			for _, r := range slices.Backward(tc.runs) {
				if !yield(r.at, []byte(r.text)) {
					return
				}
			}
		}
		last := tc.runs[len(tc.runs)-1]
		for _, missing := range []int64{0, 9} { // at the end
			var got []int64
			for start := range lineStarts(last.at+int64(len(last.text))+missing, runs) {
				got = append(got, start)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%#v, and %d bytes: lines begin at %d, want %d", tc.runs, missing, got, tc.want)
			}
		}
	}
}

func TestManySubscriptionsLeaveNothing(t *testing.T) {
	l := NewLog(Options{})
	for range 10_000 {
		c := l.Subscribe(0)
		c.Close()
		c.Close()
	}
	if len(l.cursors) != 0 {
		t.Errorf("%d cursors left", len(l.cursors))
	}
}

func ExampleLog() {
	l := NewLog(Options{})
	fmt.Fprint(l, "listening on :8080\n")
	l.Close()

	c := l.Subscribe(13)
	defer c.Close()
	for chunk := range c.All(context.Background()) {
		fmt.Printf("%d %q\n", chunk.Offset, chunk.Data)
	}
	// Output: 13 ":8080\n"
}
