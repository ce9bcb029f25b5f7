package httpapi

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(60)
		for i := range 60 {
			if wait := g.wait("mallory"); wait != 0 {
				t.Fatalf("guess %d waits %v", i, wait)
			}
			g.wrong("mallory")
		}
		if wait := g.wait("mallory"); wait != time.Second {
			t.Errorf("the 61st guess waits %v", wait)
		}
		if wait := g.wait("alice"); wait != 0 {
			t.Errorf("somebody else waits %v", wait)
		}
		time.Sleep(time.Second)
		if wait := g.wait("mallory"); wait != 0 {
			t.Errorf("after its time it waits %v", wait)
		}
		g.wrong("mallory")
		if wait := g.wait("mallory"); wait != time.Second {
			t.Errorf("and the next one %v", wait)
		}
		time.Sleep(time.Minute)
		for range 60 {
			g.wrong("mallory")
		}
		if wait := g.wait("mallory"); wait != time.Second {
			t.Errorf("after all were forgiven the 61st waits %v", wait)
		}
	})
}

func TestGuessesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(1)
		for i := range 3 * maxGuessers {
			g.wrong(fmt.Sprint("peer ", i))
		}
		if n := len(g.until); n > maxGuessers {
			t.Errorf("%d peers are kept", n)
		}
		time.Sleep(time.Minute)
		g.wrong("another")
		if n := len(g.until); n != 1 {
			t.Errorf("%d peers are kept after all were forgiven", n)
		}
	})
}
