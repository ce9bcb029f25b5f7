package process

import (
	"testing"
	"testing/synctest"
	"time"
)

// comes notes reads of n bytes, one every so often, for a while or until it becomes a flood.
func comes(g *gatherer, n int, every, during time.Duration) (flood bool) {
	for range during / every {
		time.Sleep(every)
		if g.hurry(n) {
			return true
		}
	}
	return false
}

// gathered notes reads of n bytes while it is gathered, and returns how long that was.
func gathered(g *gatherer, n int, during time.Duration) time.Duration {
	began := time.Now()
	for time.Since(began) < during {
		if !g.goes(n) {
			break
		}
		time.Sleep(gatherPause)
	}
	return time.Since(began)
}

func TestWhatMakesAFloodOfSmallWrites(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int
		every time.Duration
		flood bool
	}{
		"lines":                 {100, 2 * time.Microsecond, true},
		"runs of lines":         {2500, 35 * time.Microsecond, true},
		"answers to keystrokes": {64, 60 * time.Microsecond, false},
		"a calm program":        {100, time.Millisecond, false},
		"large writes":          {64 << 10, 100 * time.Microsecond, false},
		"parts of large writes": {8 << 10, 10 * time.Microsecond, false},
		"fast, but few":         {8 << 10, 300 * time.Microsecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gatherer
				if got := comes(&g, c.bytes, c.every, 100*time.Millisecond); got != c.flood {
					t.Errorf("taken for a flood: %v", got)
				}
			})
		})
	}
}

func TestAFloodBeginsAfterAFewStretches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gatherer
		if comes(&g, 100, 2*time.Microsecond, stretches*stretchTime-time.Microsecond) {
			t.Error("it begins too early")
		}
		g.bulk()
		if comes(&g, 100, 2*time.Microsecond, stretches*stretchTime-time.Microsecond) {
			t.Error("it begins too early after a read that did not empty the pipe")
		}
		if !comes(&g, 100, 2*time.Microsecond, 3*stretchTime) {
			t.Error("it does not begin")
		}
	})
}

// TestAnswersAreNoFlood has a program say so much in each of its answers that it is taken
// for a flood, until it is found to bring no more for being read seldom.
func TestAnswersAreNoFlood(t *testing.T) {
	for _, c := range []struct {
		answer int
		trip   time.Duration
	}{{4 << 10, 70 * time.Microsecond}, {8 << 10, 150 * time.Microsecond}, {11 << 10, 195 * time.Microsecond}} {
		synctest.Test(t, func(t *testing.T) {
			var g gatherer
			if !comes(&g, c.answer, c.trip, time.Second) {
				t.Fatalf("%+v is not taken for a flood", c)
			}
			g.begin()
			if took := gathered(&g, c.answer, time.Second); took > 3*time.Millisecond {
				t.Errorf("%+v: it takes %v to find that it is none", c, took)
			}
			if comes(&g, c.answer, c.trip, gatherRest-time.Millisecond) {
				t.Errorf("%+v is taken for one again at once", c)
			}
			if !comes(&g, c.answer, c.trip, time.Second) {
				t.Errorf("%+v is never taken for one again", c)
			}
		})
	}
}

func TestAFloodLastsUntilItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gatherer
		if !comes(&g, 100, 2*time.Microsecond, time.Second) {
			t.Fatal("it is not taken for a flood")
		}
		g.begin()
		if took := gathered(&g, 12_000, time.Second); took < time.Second {
			t.Errorf("it lasts %v", took)
		}
		if took := gathered(&g, 0, time.Second); took > 5*time.Millisecond {
			t.Errorf("it is over after %v", took)
		}
		if !comes(&g, 100, 2*time.Microsecond, 5*stretchTime) {
			t.Error("the next one is not taken for a flood at once")
		}
	})
}
