package streams

import (
	"bytes"
	"runtime"
	"slices"
	"testing"
)

// pour writes n bytes of a flood: each block has a letter of its own, so that a
// block that is used again shows.
func pour(l *Log, letter *byte, n int) {
	for n > 0 {
		w, _ := l.Fill(func(p []byte) (int, error) {
			*letter = 'a' + (*letter+1-'a')%26
			for i := range p {
				p[i] = *letter
			}
			return len(p), nil
		})
		n -= w
	}
}

func TestFloodUsesItsMemoryAgain(t *testing.T) {
	l := NewLog(Options{})
	c := l.Subscribe(0)
	defer c.Close()
	letter := byte('a')
	flood := func(n int) {
		for range 4 * n / mib {
			pour(l, &letter, mib/4)
			for chunk, err := c.Poll(); err == nil; chunk, err = c.Poll() {
				if chunk.Missed > 0 {
					t.Fatalf("missed %d", chunk.Missed)
				}
			}
		}
	}
	flood(8 * mib)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	flood(64 * mib)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8*mib {
		t.Errorf("a flood of %d MiB allocated %d MiB", 64, got>>20)
	}
}

// TestBytesInHandStay floods a log while somebody has some of it in hand.
func TestBytesInHandStay(t *testing.T) {
	hold := func(name string, take func(l *Log, c *Cursor) (held []byte, done func())) {
		t.Run(name, func(t *testing.T) {
			l := NewLog(Options{})
			letter := byte('a')
			pour(l, &letter, 2*DefaultWindow) // the oldest that is kept is a large block now
			c := l.Subscribe(0)
			defer c.Close()
			held, done := take(l, c)
			want := slices.Clone(held)
			for range 20 {
				pour(l, &letter, DefaultWindow/4)
				if !bytes.Equal(held, want) {
					t.Fatal("what was in hand has changed")
				}
			}
			done()
		})
	}
	hold("by a reader", func(l *Log, c *Cursor) ([]byte, func()) {
		chunk, _ := c.Poll()
		return chunk.Data, func() {}
	})
	hold("by a reader that is not attached", func(l *Log, c *Cursor) ([]byte, func()) {
		chunk, _ := l.at(0).Poll()
		return chunk.Data, func() {}
	})
	hold("by a search", func(l *Log, c *Cursor) ([]byte, func()) {
		next := make(chan struct{})
		runs := make(chan []byte)
		go func() {
			defer close(runs)
			for _, run := range l.runs(l.End()) {
				runs <- run
				<-next
			}
		}()
		return <-runs, func() {
			close(next)
			for range runs {
			}
		}
	})
}
