package streams

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// waited is how many readers have to come before the writer of a Log goes on, and
// for how long it waited if none did (0 readers).
func (b *backed) waited(t *testing.T, come bool) (readers int, d time.Duration) {
	t.Helper()
	began := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		text := strings.Repeat("x", 60_000)
		for range 100 { // more than the largest window
			io.WriteString(b.w, text)
			for left := len(text); left > 0; {
				b.Pace(t.Context())
				n, _, err := b.Splice(int(b.r.Fd()))
				if err != nil {
					t.Error(err)
					return
				}
				left -= n
			}
		}
		d = time.Since(began)
	}()
	for come {
		synctest.Wait()
		select {
		case <-done:
			return readers, d
		default:
		}
		if readers++; readers > 9 {
			break
		}
		c := b.Subscribe(0)
		go func() {
			defer c.Close()
			for chunk, err := range c.All(t.Context()) {
				if err != nil {
					return
				}
				if chunk.Missed > 0 {
					t.Errorf("a reader missed %d bytes", chunk.Missed)
				}
			}
		}()
	}
	<-done
	return readers, d
}

var heldOptions = Options{Backpressure: true, Window: 1 << 20, MaxWindow: 1 << 20}

// next is the Log as another program restores it, which reserves it for 10 s.
func (b *backed) next(t *testing.T) *backed {
	t.Helper()
	o := heldOptions
	o.Backing = again(t, b.b)
	l, err := restored(o)
	if err != nil {
		t.Fatal(err)
	}
	l.ReserveAgain(10 * time.Second)
	return &backed{l, o.Backing, b.r, b.w}
}

func subscribe(l *Log, n int) (cursors []*Cursor) {
	for range n {
		cursors = append(cursors, l.Subscribe(0))
	}
	return cursors
}

// TestReserveAgain has a program die with its readers, and the next one wait for as
// many.
func TestReserveAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		first func(t *testing.T, b *backed) *backed
		want  int
	}{
		"none": {func(t *testing.T, b *backed) *backed { return b.next(t) }, 0},
		"three": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			return b.next(t)
		}, 3},
		"three of four": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 4)[1].Close()
			return b.next(t)
		}, 3},
		"a reader and the writer of an archive": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 1)
			b.Tap(0)
			return b.next(t)
		}, 1},
		"two who share": {func(t *testing.T, b *backed) *backed {
			NewSharedLines(b.Log, 0)
			b.Attend()
			b.Attend()
			b.Attend()()
			return b.next(t)
		}, 2},
		"three who were sent away": {func(t *testing.T, b *backed) *backed {
			cursors := subscribe(b.Log, 2)
			leave := b.Attend()
			b.HoldBack()
			leave()
			for _, c := range append(cursors, b.Subscribe(0)) {
				c.Close()
			}
			return b.next(t)
		}, 3},
		"four of whom one came while the others were sent away": {func(t *testing.T, b *backed) *backed {
			cursors := subscribe(b.Log, 3)
			b.HoldBack()
			for _, c := range append(cursors, b.Subscribe(0)) {
				c.Close()
			}
			return b.next(t)
		}, 4},
		"three of whom one came again before the next death": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			b = b.next(t)
			subscribe(b.Log, 1)
			return b.next(t)
		}, 3},
		"three of whom two were told to come again twice": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			b = b.next(t)
			cursors := subscribe(b.Log, 2)
			b.HoldBack()
			for _, c := range append(cursors, subscribe(b.Log, 1)...) {
				c.Close()
			}
			return b.next(t)
		}, 3},
		"three, and one has come twice": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			b = b.next(t)
			subscribe(b.Log, 1)[0].Close()
			return b
		}, 3},
		"one of three, as the others never came again": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			b = b.next(t)
			subscribe(b.Log, 1)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			return b.next(t)
		}, 1},
		"a first reader who has not come yet": {func(t *testing.T, b *backed) *backed {
			b.Reserve(time.Hour)
			return b.next(t)
		}, 1},
		"nobody knows how many": {func(t *testing.T, b *backed) *backed {
			subscribe(b.Log, 3)
			b.b.told = 0 // as before there was this number
			b.b.writeHeader()
			return b.next(t)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBacked(t, heldOptions)
				b.count(0) // as Back does
				b.put(t, "up\n")
				if got, _ := tc.first(t, b).waited(t, true); got != tc.want {
					t.Errorf("the writer went on with %d readers, want %d", got, tc.want)
				}
			})
		})
	}
}

// TestReserveAgainEnds has nobody come again.
func TestReserveAgainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacked(t, heldOptions)
		b.put(t, "up\n")
		subscribe(b.Log, 3)
		b = b.next(t)
		if _, took := b.waited(t, false); took != 10*time.Second {
			t.Errorf("the writer waited for %v, want 10 s", took)
		}
		if _, took := b.next(t).waited(t, false); took != 0 {
			t.Errorf("in the next program it waited for %v, want no wait", took)
		}
	})
}

// TestReserveAgainForEverybody restores a stream of which nothing had been read, so
// that there was no place to say how many readers it has.
func TestReserveAgainForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(heldOptions)
		l.ReserveAgain(10 * time.Second)
		b := newBacked(t, Options{}) // made for the first byte
		b.Log = l
		l.Back(b.b)
		if readers, took := b.waited(t, true); readers < 9 || took != 10*time.Second {
			t.Errorf("the writer went on with %d readers after %v, want after 10 s", readers, took)
		}
	})
}
