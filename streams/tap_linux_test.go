package streams

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// pump is put by a writer that waits for readers.
func (b *backed) pump(t *testing.T, text string) {
	t.Helper()
	io.WriteString(b.w, text)
	for left := len(text); left > 0; {
		b.Pace(t.Context())
		n, _, err := b.Splice(int(b.r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
}

// TestTapLags holds that whoever writes an archive gets all bytes, whatever the window
// and the writes, as long as the window can grow for it.
func TestTapLags(t *testing.T) {
	const behind = 20_000 // bytes, at most
	for _, window := range []int{1, 700, 4 << 10, 5000, 40_000, 1 << 20} {
		for _, largest := range []int{3, 600, 5000} { // of the writes
			for _, kept := range []bool{false, true} {
				t.Run(fmt.Sprintf("window %d, writes to %d, kept %v", window, largest, kept), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(uint64(window), uint64(largest)))
					b := newBacked(t, Options{Window: window})
					if !kept {
						b.Log = NewLog(Options{Window: window})
					}
					tap := b.Tap(0)
					defer tap.Close()
					var want strings.Builder
					var got bytes.Buffer
					for due := 0; want.Len() < 300_000; {
						text := fmt.Sprintf("%0*d", 1+rng.IntN(largest), want.Len())
						if want.WriteString(text); kept {
							b.pump(t, text)
						} else {
							b.Write([]byte(text))
						}
						for want.Len() >= due && got.Len() < want.Len() {
							chunk, err := tap.Poll()
							if err != nil || chunk.Missed > 0 {
								t.Fatalf("behind %d of %d bytes it missed %d: %v", got.Len(), want.Len(), chunk.Missed, err)
							}
							got.Write(chunk.Data)
						}
						if got.Len() == want.Len() {
							due = want.Len() + rng.IntN(behind)*rng.IntN(2)
						}
					}
					if text := want.String(); !strings.HasPrefix(text, got.String()) {
						t.Error("it got other bytes")
					}
				})
			}
		}
	}
}

// TestTapKeepsUp has a write begin in a block that the window has no room for any more
// with what comes behind it: nobody can have seen it by the time that it is there.
func TestTapKeepsUp(t *testing.T) {
	for name, largest := range map[string]int{"alone": 0, "with no room to grow": 1} {
		t.Run(name, func(t *testing.T) {
			l := NewLog(Options{Window: 4 << 10, MaxWindow: largest})
			tap := l.Tap(0)
			defer tap.Close()
			var got []byte
			for range 2000 {
				l.Write([]byte("abc"))
				for chunk, err := tap.Poll(); err == nil; chunk, err = tap.Poll() {
					if chunk.Missed > 0 {
						t.Fatalf("at %d it missed %d", len(got), chunk.Missed)
					}
					got = append(got, chunk.Data...)
				}
			}
			if want := strings.Repeat("abc", 2000); string(got) != want {
				t.Error("it got other bytes")
			}
		})
	}
}
