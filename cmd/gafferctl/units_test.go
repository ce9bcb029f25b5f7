package main

import (
	"testing"
	"time"

	"github.com/fatih/color"
)

func TestSpans(t *testing.T) {
	tests := []struct {
		d          time.Duration
		shown, raw string
	}{
		{0, "0s", "0"}, {1500 * time.Millisecond, "1s", "1.5"}, {1497 * time.Millisecond, "1s", "1.497"}, {59 * time.Second, "59s", "59"}, {61 * time.Second, "1m 1s", "61"},
		{2*time.Hour + 5*time.Minute, "2h 5m", "7500"}, {49 * time.Hour, "2d 1h", "176400"},
	}
	for _, tt := range tests {
		if got := spanCell(tt.d); got.shown != tt.shown || got.raw != tt.raw {
			t.Errorf("%v: got %q and %q, want %q and %q", tt.d, got.shown, got.raw, tt.shown, tt.raw)
		}
	}
}

func TestLives(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 900 * time.Microsecond: "0ms", 12 * time.Millisecond: "12ms", 999 * time.Millisecond: "999ms",
		time.Second: "1s", 61 * time.Second: "1m 1s",
	} {
		if got := life(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		-time.Minute: "in 1m 0s", -time.Second: "in 1s", -time.Millisecond: "in a moment",
		0: "just now", 999 * time.Millisecond: "just now", time.Second: "1s ago",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	tests := []struct {
		n     uint64
		shown string
	}{
		{0, "0 B"}, {1023, "1023 B"}, {1536, "1.5 KiB"}, {5 << 20, "5.0 MiB"}, {1 << 40, "1.0 TiB"}, {1 << 63, "8.0 EiB"},
	}
	for _, tt := range tests {
		if got := bytesCell(&tt.n); got.shown != tt.shown {
			t.Errorf("%d: got %q, want %q", tt.n, got.shown, tt.shown)
		}
	}
	if got := bytesCell(nil); got.shown != "-" {
		t.Errorf("unreadable: got %q", got.shown)
	}
}

func TestLayout(t *testing.T) {
	row := []cell{same("wéb"), {shown: "running", paint: []color.Attribute{color.FgGreen}}, same("")}
	if got, want := layout(row, []int{5, 9, 4}, false), "wéb    running"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := layout(row, []int{5, 9, 4}, true), "wéb    \x1b[32mrunning\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
