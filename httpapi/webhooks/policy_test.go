package webhooks

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var tenNames = func() (names []string) {
	for i := range 10 {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	return names
}()

// hookTo is what the tests here use: where it is matters to nobody.
func hookTo(pattern string) []Hook { return []Hook{{Event: pattern, URL: "http://receiver/"}} }

// TestMinuteDown holds the promise: the receiver is down for a minute under
// 1,000 events, and all arrive, in order per process, none twice.
func TestMinuteDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		attempts := 0
		rv := newReceiver(func(delivery) int {
			if time.Since(began) < time.Minute {
				attempts++
				return 0
			}
			return 200
		})
		w, m := started(t, Options{Hooks: hookTo("proc"), Transport: rv}, nil)
		for range 10 {
			happen(t, m, 10, tenNames...)
			time.Sleep(6 * time.Second)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		got := rv.received()
		if len(got) != 1000 {
			t.Errorf("%d events arrived, want 1000", len(got))
		}
		checkOrder(t, got)
		if s := only(t, w); s.Pending != 0 || s.Dropped != 0 || s.Failing || s.Delivered != 1000 {
			t.Errorf("the status is %+v", s)
		}
		if attempts > 30 {
			t.Errorf("%d attempts in the minute in which it was down: it should be left alone", attempts)
		}
	})
}

// TestPoisonedEvent holds that one event that is refused delays those of its
// process only, and is given up after an hour, which the receiver is told.
func TestPoisonedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rv := newReceiver(func(d delivery) int {
			if d.Name == "bad" && d.Event == "proc.bad.create" {
				return 500
			}
			return 200
		})
		log := &logged{}
		w, m := started(t, Options{Hooks: hookTo("proc"), Transport: rv, Logger: slog.New(slog.NewTextHandler(log, nil))}, nil)
		happen(t, m, 2, "bad", "good")
		time.Sleep(30 * time.Minute)
		happen(t, m, 100, "good")
		time.Sleep(time.Second)
		got := rv.received()
		if len(got) != 102 {
			t.Errorf("%d events of the good process arrived, want 102", len(got))
		}
		time.Sleep(time.Hour)
		got = rv.received()[102:]
		if len(got) != 1 || got[0].Event != "gap" || got[0].Missed != 2 {
			t.Errorf("after an hour %+v came, want a gap of 2", got)
		}
		s := only(t, w)
		if s.Dropped != 2 || s.Pending != 0 || s.Failures[0].Status != 500 || s.Failures[9].Attempt < 50 || !strings.Contains(s.Failures[0].Error, "500 Internal") {
			t.Errorf("the status is %+v", s)
		}
		if !strings.Contains(log.String(), "dropped_so_far=2") {
			t.Errorf("the log does not tell:\n%s", log)
		}
		happen(t, m, 1, "bad")
		time.Sleep(time.Second)
		if got := rv.received()[103:]; len(got) != 1 || got[0].Name != "bad" {
			t.Errorf("then came %+v, want what happened next", got)
		}
	})
}

// TestSilentReceiver takes connections and answers nothing.
func TestSilentReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rv := newReceiver(nil)
		silent := transport(func(r *httpRequest) (*httpResponse, error) {
			if r.URL.Host == "silent" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return rv.RoundTrip(r)
		})
		w, m := started(t, Options{Hooks: []Hook{{Event: "proc", URL: "http://silent/"}, {Event: "proc", URL: "http://receiver/"}}, Transport: silent}, nil)
		happen(t, m, 50, tenNames...)
		time.Sleep(time.Millisecond)
		if len(rv.received()) != 500 {
			t.Errorf("%d events, want all 500 at once beside a receiver that is silent", len(rv.received()))
		}
		time.Sleep(11 * time.Second)
		if s := w.List()[0]; s.Pending != 500 || s.Failed != 4 || s.Failures[0].Error != "no answer within 10s" {
			t.Errorf("the silent one's status is %+v", s)
		}
	})
}

// TestFullOutbox drops the oldest and tells how many.
func TestFullOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		rv := newReceiver(func(delivery) int {
			if down {
				return 503
			}
			return 200
		})
		w, m := started(t, Options{Hooks: hookTo("proc"), Transport: rv}, nil)
		for range 13 {
			happen(t, m, 100, tenNames...)
			time.Sleep(time.Millisecond)
		}
		s := only(t, w)
		if s.Pending > maxEvents || s.PendingBytes > maxBytes || s.Pending+int(s.Dropped) != 13_000 || s.Dropped == 0 {
			t.Errorf("%d are pending with %d bytes and %d dropped", s.Pending, s.PendingBytes, s.Dropped)
		}
		rv.mu.Lock()
		down = false
		rv.mu.Unlock()
		time.Sleep(5 * time.Minute)
		var missed, came uint64
		for _, d := range rv.received() {
			missed += d.Missed
			if d.Event != "gap" {
				came++
			}
		}
		checkOrder(t, rv.received())
		if missed != s.Dropped || came+missed != 13_000 {
			t.Errorf("%d came and gaps tell of %d, want 13000 in all and %d dropped", came, missed, s.Dropped)
		}
	})
}

// TestRetryAfter leaves a receiver alone for as long as it asks.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Duration
		began := time.Now()
		busy := transport(func(r *httpRequest) (*httpResponse, error) {
			times = append(times, time.Since(began))
			return answered(r, 429, "Retry-After", "100"), nil
		})
		_, m := started(t, Options{Hooks: hookTo("proc"), Transport: busy}, nil)
		happen(t, m, 1, "web")
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if len(times) != 2 || times[1]-times[0] != 100*time.Second {
			t.Errorf("it was tried after %v, want at once and after 100 s", times)
		}
	})
}

func TestPause(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		for range 100 {
			if got := defaultTiming.pause(n); got < want/2 || got > want {
				t.Fatalf("the pause after %d failures is %v, want %v to %v", n, got, want/2, want)
			}
		}
	}
}
