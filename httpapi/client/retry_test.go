package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestPauses(t *testing.T) {
	bounds := []struct{ attempt, least, most int }{ // in milliseconds
		{0, 0, 0}, {1, 25, 50}, {2, 50, 100}, {3, 100, 200}, {7, 1600, 3200}, {8, 2500, 5000}, {1000, 2500, 5000},
	}
	for _, b := range bounds {
		for range 200 {
			pause := pauseBefore(b.attempt)
			if pause < time.Duration(b.least)*time.Millisecond || pause > time.Duration(b.most)*time.Millisecond {
				t.Errorf("before attempt %d: %v, want %d to %d ms", b.attempt, pause, b.least, b.most)
			}
		}
	}
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{patience: 30 * time.Second}
		lost := c.lost(errors.New("broken"))
		r := retry{client: c}
		start := time.Now()
		for r.again(t.Context(), lost) == nil {
		}
		if waited := time.Since(start); waited < 30*time.Second || waited > 35*time.Second {
			t.Errorf("gave up after %v, want 30 s", waited)
		}

		// A connection that stood for long and said nothing is a good one.
		r = retry{client: c}
		for range 3 {
			r.connected()
			time.Sleep(time.Hour)
			start = time.Now()
			if err := r.again(t.Context(), lost); err != nil || time.Since(start) > 0 {
				t.Errorf("after an hour of silence: %v in %v, want another attempt at once", err, time.Since(start))
			}
		}

		// One that is accepted and cut at once is tried ever more rarely.
		start = time.Now()
		for range 20 {
			r.connected()
			if err := r.again(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(start); waited < 30*time.Second {
			t.Errorf("20 connections cut at once took %v: the pauses do not grow", waited)
		}
	})
}

func TestWhatPasses(t *testing.T) {
	c := &Client{}
	tests := []struct {
		err  error
		want bool
	}{
		{c.lost(errors.New("reset")), true},
		{&Error{Status: http.StatusServiceUnavailable}, true},
		{&Error{Status: http.StatusTooManyRequests}, true},
		{&Error{Status: http.StatusNotFound}, false},
		{&Error{Status: http.StatusInternalServerError}, false},
		{ErrReplaced, false},
		{context.Canceled, false},
	}
	for _, tt := range tests {
		if got := passing(tt.err); got != tt.want {
			t.Errorf("%v: passing is %v", tt.err, got)
		}
	}
}
