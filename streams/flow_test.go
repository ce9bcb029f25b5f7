package streams

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// flood writes n bytes at 64 KiB every 100 µs, as a busy child would, and
// returns how long that took.
func flood(l *Log, n int) time.Duration {
	began := time.Now()
	for n > 0 {
		time.Sleep(100 * time.Microsecond)
		l.Pace(context.Background())
		w, _ := l.Fill(func(p []byte) (int, error) { return min(len(p), 64<<10), nil })
		n -= w
	}
	return time.Since(began)
}

// read takes what there is at bytesPerSecond (0: as fast as it can) and reports
// what it got and missed.
func read(ctx context.Context, l *Log, bytesPerSecond int) (got, missed int64) {
	c := l.Subscribe(0)
	defer c.Close()
	for chunk, err := range c.All(ctx) {
		if err != nil {
			return
		}
		got += int64(len(chunk.Data))
		missed += chunk.Missed
		if bytesPerSecond > 0 {
			time.Sleep(time.Duration(len(chunk.Data)) * time.Second / time.Duration(bytesPerSecond))
		}
	}
	return
}

const (
	mib  = 1 << 20
	size = 256 * mib
	// A flood of that size nobody reads: 4096 pieces of 100 µs.
	alone = 410 * time.Millisecond
)

func TestFloodWithoutReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := flood(NewLog(Options{}), size); took > alone+alone/20 {
			t.Errorf("took %v, want about %v", took, alone)
		}
	})
}

func TestStalledReaderIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		stalled := l.Subscribe(0)
		defer stalled.Close()
		took := flood(l, 4*size)
		if most := 4*alone + maxPatience + 2*paceSlice; took > most+most/20 {
			t.Errorf("took %v, want at most %v", took, most)
		}
		chunk, err := stalled.Next(t.Context(), 0)
		if err != nil || chunk.Missed == 0 || chunk.Missed != chunk.Offset {
			t.Errorf("missed %d at %d, %v", chunk.Missed, chunk.Offset, err)
		}
		if l.store.size > DefaultWindow+maxBlock {
			t.Errorf("the window stayed at %d bytes", l.store.size)
		}
	})
}

func TestEqualReadersGetAFloodWhole(t *testing.T) {
	for _, tc := range []struct{ readers, mibPerSecond int }{{1, 500}, {2, 400}, {20, 100}, {20, 1000}} {
		synctest.Test(t, func(t *testing.T) {
			l := NewLog(Options{})
			var wg sync.WaitGroup
			for range tc.readers {
				wg.Go(func() {
					if got, missed := read(t.Context(), l, tc.mibPerSecond*mib); got < size || missed > 0 {
						t.Errorf("%d readers at %d MiB/s: got %d, missed %d", tc.readers, tc.mibPerSecond, got, missed)
					}
				})
			}
			synctest.Wait()
			flood(l, size)
			l.Close()
			wg.Wait()
		})
	}
}

// TestReadersOfABusyMachineGetAFloodWhole has a child write through a pipe, which
// it fills whenever the writer waits: after each wait the writer is much faster
// than the child ever was. The readers get a core now and then.
func TestReadersOfABusyMachineGetAFloodWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		var wg sync.WaitGroup
		for i := range uint64(20) {
			turns := rand.New(rand.NewPCG(i, 0))
			c := l.Subscribe(0)
			wg.Go(func() {
				defer c.Close()
				for chunk, err := range c.All(t.Context()) {
					if err != nil || chunk.Missed > 0 {
						t.Errorf("missed %d, %v", chunk.Missed, err)
						return
					}
					time.Sleep(time.Duration(2 * turns.Float64() * float64(len(chunk.Data)) / (40 * mib) * float64(time.Second)))
				}
			})
		}
		pipe := make(chan struct{}, 16)
		wg.Go(func() {
			defer close(pipe)
			for range size / (64 << 10) {
				time.Sleep(100 * time.Microsecond)
				pipe <- struct{}{}
			}
		})
		for range pipe {
			time.Sleep(25 * time.Microsecond)
			l.Pace(t.Context())
			l.Fill(func(p []byte) (int, error) { return min(len(p), 64<<10), nil })
		}
		l.Close()
		wg.Wait()
	})
}

// TestReaderThatStumblesGetsAFloodWhole has one reader do nothing for a while, now
// and then, and catch up with the others each time.
func TestReaderThatStumblesGetsAFloodWhole(t *testing.T) {
	const often = 64 * mib
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		var wg sync.WaitGroup
		for i := range 20 {
			c := l.Subscribe(0)
			wg.Go(func() {
				defer c.Close()
				for chunk, err := range c.All(t.Context()) {
					if err != nil || chunk.Missed > 0 {
						t.Errorf("reader %d at %d: missed %d, %v", i, chunk.Offset, chunk.Missed, err)
						return
					}
					n := int64(len(chunk.Data))
					time.Sleep(time.Duration(n) * time.Second / (100 * mib))
					if i == 7 && chunk.Offset/often != (chunk.Offset+n)/often {
						time.Sleep(120 * time.Millisecond)
					}
				}
			})
		}
		flood(l, 4*size)
		l.Close()
		wg.Wait()
	})
}

func TestSlowReaderAmongEqualsCostsThemLittle(t *testing.T) {
	took := func(t *testing.T, slow bool) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			l := NewLog(Options{})
			ctx, cancel := context.WithCancel(t.Context())
			var wg, laggard sync.WaitGroup
			if slow {
				laggard.Go(func() {
					if _, missed := read(ctx, l, mib); missed == 0 {
						t.Error("the slow reader was not told of a gap")
					}
				})
			}
			for range 20 {
				wg.Go(func() {
					if got, missed := read(t.Context(), l, 100*mib); got < size || missed > 0 {
						t.Errorf("got %d, missed %d", got, missed)
					}
				})
			}
			synctest.Wait()
			began := time.Now()
			flood(l, size)
			l.Close()
			wg.Wait()
			took = time.Since(began)
			time.Sleep(20 * time.Second) // so that the slow one comes to its gap
			cancel()
			laggard.Wait()
		})
		return took
	}
	without, with := took(t, false), took(t, true)
	if with > without+without/10 {
		t.Errorf("%v with a slow reader, %v without", with, without)
	}
}

func TestLoneSlowReaderCostsATenth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { read(ctx, l, 20*mib) })
		synctest.Wait()
		took := flood(l, 8*size)
		if most := 8*alone + 8*alone/10 + maxPatience; took > most {
			t.Errorf("took %v, want at most %v", took, most)
		}
		cancel()
		wg.Wait()
	})
}

func TestBackpressureWaitsForTheSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{Backpressure: true, MaxWindow: DefaultWindow})
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, missed := read(t.Context(), l, mib); got < 8*mib || missed > 0 {
				t.Errorf("got %d, missed %d", got, missed)
			}
		})
		synctest.Wait()
		if took := flood(l, 8*mib); took < 6*time.Second {
			t.Errorf("the writer was done after %v", took)
		}
		l.Close()
		wg.Wait()
	})
}

func TestPaceEnds(t *testing.T) {
	for name, end := range map[string]func(*Log, context.CancelFunc, *Cursor){
		"with its context":         func(_ *Log, cancel context.CancelFunc, _ *Cursor) { cancel() },
		"with the log":             func(l *Log, _ context.CancelFunc, _ *Cursor) { l.Close() },
		"when the reader is gone":  func(_ *Log, _ context.CancelFunc, c *Cursor) { c.Close() },
		"when the reader moves on": func(l *Log, _ context.CancelFunc, c *Cursor) { go read(context.Background(), l, 0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewLog(Options{Backpressure: true})
				c := l.Subscribe(0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan struct{})
				go func() {
					defer close(done)
					for l.End() < 2*DefaultMaxWindow {
						if l.Pace(ctx) != nil {
							return
						}
						l.Fill(func(p []byte) (int, error) { return len(p), nil })
					}
				}()
				time.Sleep(time.Hour)
				select {
				case <-done:
					t.Fatal("the writer did not wait")
				default:
				}
				end(l, cancel, c)
				<-done
				l.Close()
			})
		})
	}
}

// Nothing is forgotten that the writer would have waited for, also when it does not
// wait, as at the end of a stream.
func TestUnreadStays(t *testing.T) {
	for _, backpressure := range []bool{true, false} {
		l := NewLog(Options{Backpressure: backpressure, MaxWindow: DefaultWindow})
		c, gone := l.Subscribe(0), l.Subscribe(0)
		gone.patient.gone = true
		letter := byte('a')
		pour(l, &letter, DefaultWindow+DefaultWindow/2)
		for at := int64(0); at < l.End(); {
			chunk, err := c.Poll()
			if err != nil || chunk.Missed > 0 {
				t.Fatalf("backpressure %v: missed %d at %d, %v", backpressure, chunk.Missed, at, err)
			}
			at = chunk.Offset + int64(len(chunk.Data))
		}
		if _, err := c.Poll(); err != ErrIdle {
			t.Error(err)
		}
		pour(l, &letter, 1)
		if start := l.Start(); backpressure != (start == 0) {
			t.Errorf("backpressure %v: begins at %d once all is read but by who was let go", backpressure, start)
		}
	}
}
