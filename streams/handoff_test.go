package streams

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// standby is a reader in NextUnless, which has accept write down what it accepts.
type standby struct {
	accepted strings.Builder
	refuse   bool
	returned chan result
}

type result struct {
	text string
	err  error
}

// wait begins to wait with c, and returns when it does.
func (w *standby) wait(ctx context.Context, c *Cursor, idle time.Duration) {
	w.returned = make(chan result, 1)
	go func() {
		chunk, err := c.NextUnless(ctx, idle, func(chunk Chunk) bool {
			if !w.refuse {
				w.accepted.Write(chunk.Data)
			}
			return !w.refuse
		})
		w.returned <- result{string(chunk.Data), err}
	}()
	synctest.Wait()
}

// returns is what NextUnless has returned by now, if it has.
func (w *standby) returns() (r result) {
	synctest.Wait()
	select {
	case r = <-w.returned:
	default:
	}
	return r
}

func TestNextUnlessAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		l.Write([]byte("before "))
		c := l.Subscribe(0)
		defer c.Close()
		var w standby
		w.wait(t.Context(), c, 0)
		if got := w.returns(); got != (result{"before ", nil}) {
			t.Fatalf("what is there comes as %+v", got)
		}
		w.wait(t.Context(), c, 0)
		l.Write([]byte("a "))
		l.Write([]byte("b "))
		if got := w.returns(); got != (result{}) || w.accepted.String() != "a b " {
			t.Fatalf("returns %+v, and accepted %q", got, w.accepted.String())
		}
		if at := c.Offset(); at != l.End() {
			t.Errorf("the cursor is at %d of %d", at, l.End())
		}
		w.refuse = true
		l.Write([]byte("c "))
		if got := w.returns(); got != (result{"c ", nil}) {
			t.Fatalf("what is refused comes as %+v", got)
		}
		l.Write([]byte("d "))
		w.refuse = false
		w.wait(t.Context(), c, 0)
		if got := w.returns(); got != (result{"d ", nil}) {
			t.Fatalf("what comes behind it is %+v", got)
		}
		w.wait(t.Context(), c, 0)
		var others []*Cursor
		for range maxHandoffs {
			others = append(others, l.Subscribe(Latest))
		}
		l.Write([]byte("e "))
		if got := w.returns(); got != (result{"e ", nil}) {
			t.Fatalf("beside many readers comes %+v", got)
		}
		others[0].Close()
		w.wait(t.Context(), c, 0)
		l.Write([]byte("f "))
		if w.accepted.String() != "a b f " {
			t.Errorf("accepted %q", w.accepted.String())
		}
		l.Close()
		if got := w.returns(); got.err != io.EOF {
			t.Errorf("the end comes as %+v", got)
		}
	})
}

func TestNextUnlessEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(Options{})
		c := l.Subscribe(Latest)
		defer c.Close()
		var w standby
		w.wait(t.Context(), c, time.Second)
		l.Write([]byte("x"))
		time.Sleep(time.Second)
		if got := w.returns(); got.err != ErrIdle {
			t.Errorf("after its time it returns %+v", got)
		}
		cause := errors.New("no more")
		ctx, cancel := context.WithCancelCause(t.Context())
		w.wait(ctx, c, 0)
		cancel(cause)
		if got := w.returns(); got.err != cause {
			t.Errorf("with its context it ends with %+v", got)
		}
		l.Write([]byte("y"))
		if w.accepted.String() != "x" {
			t.Errorf("accepted %q", w.accepted.String())
		}
	})
}

// TestNextUnlessLosesNothing has the writer hand over what it writes, or not, while
// another reader comes and goes.
func TestNextUnlessLosesNothing(t *testing.T) {
	l := NewLog(Options{Backpressure: true, Window: 64 << 10, MaxWindow: 64 << 10})
	c := l.Subscribe(0)
	var read []byte
	var work sync.WaitGroup
	work.Go(func() {
		defer c.Close()
		rng := rand.New(rand.NewPCG(1, 2))
		for {
			chunk, err := c.NextUnless(t.Context(), 0, func(chunk Chunk) bool {
				if rng.IntN(3) == 0 {
					return false
				}
				read = append(read, chunk.Data...)
				return true
			})
			if err == io.EOF {
				return
			}
			if err != nil || chunk.Missed > 0 {
				t.Errorf("%v, missed %d", err, chunk.Missed)
				return
			}
			read = append(read, chunk.Data...)
		}
	})
	work.Go(func() {
		for {
			other := l.Subscribe(Latest)
			_, err := other.Next(t.Context(), 0)
			other.Close()
			if err == io.EOF {
				return
			}
		}
	})
	rng := rand.New(rand.NewPCG(3, 4))
	var wrote []byte
	for i := range 20_000 {
		p := make([]byte, 1+rng.IntN(100))
		for j := range p {
			p[j] = byte(i + j)
		}
		wrote = append(wrote, p...)
		if _, err := l.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	work.Wait()
	if string(read) != string(wrote) {
		t.Errorf("read %d bytes that are not the %d that were written", len(read), len(wrote))
	}
}
