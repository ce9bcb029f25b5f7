package manager

import (
	"slices"
	"testing"
	"time"
)

func TestBackoffDelays(t *testing.T) {
	b := Backoff{Initial: time.Second, Max: 10 * time.Second, Reset: time.Minute}
	for _, test := range []struct {
		n               int
		lowest, highest time.Duration
	}{
		{0, 0, 0},
		{1, time.Second, 1250 * time.Millisecond},
		{2, 2 * time.Second, 2500 * time.Millisecond},
		{3, 4 * time.Second, 5 * time.Second},
		{4, 8 * time.Second, 10 * time.Second},
		{5, 8 * time.Second, 10 * time.Second},
		{1 << 40, 8 * time.Second, 10 * time.Second},
	} {
		if low, high := b.delay(test.n, 0), b.delay(test.n, 1); low != test.lowest || high != test.highest {
			t.Errorf("delay(%d) is %v to %v, want %v to %v", test.n, low, high, test.lowest, test.highest)
		}
	}
	if d := (Backoff{Max: time.Second}).delay(9, 1); d != 0 {
		t.Errorf("initial 0 waits %v", d)
	}
	if n := b.after(7, time.Minute); n != 0 {
		t.Errorf("after living long enough there have been %d", n)
	}
	if n := b.after(7, time.Minute-1); n != 7 {
		t.Errorf("after living not long enough there have been %d", n)
	}
}

func TestRestartPolicies(t *testing.T) {
	for restart, want := range map[Restart][2]bool{
		RestartAlways: {true, true}, RestartOnFailure: {false, true}, RestartNever: {false, false},
	} {
		if got := [2]bool{restart.wanted(false), restart.wanted(true)}; got != want {
			t.Errorf("%s: well, badly = %v, want %v", restart, got, want)
		}
	}
}

func TestFlaps(t *testing.T) {
	const steady, retry, giveUp = "steady", "retry", "give up"
	policy := Flapping{Attempts: 3, Window: time.Second, RetryIn: time.Minute, MaxRetry: 2}
	start := time.Unix(0, 0)
	for _, test := range []struct {
		policy *Flapping
		at     []time.Duration
		want   []string
	}{
		{nil, []time.Duration{0, 0, 0}, []string{steady, steady, steady}},
		{&policy, []time.Duration{0, 600e6, 1200e6, 1500e6}, []string{steady, steady, steady, retry}},
		{&policy, []time.Duration{0, 0, 1e9, 2e9, 2e9, 2e9, 3e9, 3e9, 3e9},
			[]string{steady, steady, retry, steady, steady, retry, steady, steady, giveUp}},
		{&Flapping{Attempts: 1, MaxRetry: -1}, []time.Duration{0, 0, 0, 0}, []string{retry, retry, retry, retry}},
		{&Flapping{Attempts: 1}, []time.Duration{0}, []string{giveUp}},
	} {
		var f flaps
		var got []string
		for _, after := range test.at {
			at, was := start.Add(after), steady
			if f.exit(test.policy, at) {
				if was = retry; f.gaveUp {
					was = giveUp
				}
			}
			got = append(got, was)
			if f.suspended() != (was == retry) || f.suspended() && f.resume(f.retryAt.Add(-1)) || f.resume(at.Add(time.Hour)) != (was == retry) {
				t.Errorf("%+v at %v: suspended is %v", test.policy, after, f.suspended())
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v at %v: %v, want %v", test.policy, test.at, got, test.want)
		}
	}
}
