package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	tickEvery = 100 * time.Millisecond
	tickCount = 60
)

// heard is what listen says at the end.
type heard struct {
	Delays []float64 // milliseconds from the child's write to the read, of a sample
	CPU    float64   // seconds that the other side has used meanwhile
	Count  int64     // lines that came
}

// listenerAxes are many subscribers of a child that says little.
func listenerAxes() []axis {
	var all []axis
	for _, count := range []int{1000, 5000, 10_000} {
		all = append(all, axis{
			name:     fmt.Sprintf("listeners-%d", count),
			about:    fmt.Sprintf("%d server-sent event subscribers of 10 lines a second; raw is plain TCP", count),
			maxPairs: 9,
			measures: []measure{
				{name: "CPU", unit: "µs a delivery", goal: goal{ratioAtMost, 1.1}, growth: each},
				{name: "p50", unit: "ms"},
				{name: "p99", unit: "ms", goal: goal{ratioAtMost, 1}, growth: total},
				{name: "memory", unit: "KiB a subscriber", goal: goal{valueAtMost, 28}, growth: each},
				{name: "lost", unit: "lines", goal: goal{kind: never}},
			},
			scale: scale{"listeners", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runListeners(ctx, l, s, l.amount(count, count/100), l.amount(tickCount, 3))
			},
		})
	}
	return all
}

func runListeners(ctx context.Context, l *lab, s side, count, lines int) (values []float64, err error) {
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	child := []string{"child", "ticks", "-n", strconv.Itoa(lines), "-every", tickEvery.String(), "-gate", gate}
	var of group
	var addr, path string
	if s.raw() {
		raw, err := startRaw(ctx, count, child...)
		if err != nil {
			return nil, err
		}
		defer both(&err, raw.end)
		of, addr = raw.pids(), raw.addr
	} else {
		config, err := l.roomFor(count)
		if err != nil {
			return nil, err
		}
		d, err := startDaemon(ctx, s.gafferd, config...)
		if err != nil {
			return nil, err
		}
		defer both(&err, d.end)
		pid, err := d.runChild(ctx, description{"name": "ticks"}, child...)
		if err != nil {
			return nil, err
		}
		of, addr = d.pids(), d.addr
		path = fmt.Sprintf("/streams/%d/stdout?feed=eventsource&since=0&heartbeat=false", pid)
	}
	before, err := of.settled(ctx)
	if err != nil {
		return nil, err
	}
	h, err := help(ctx, "listen", "-addr", addr, "-get", path, "-k", strconv.Itoa(count), "-lines", strconv.Itoa(lines), "-gate", gate, "-pids", of.String())
	if err != nil {
		return nil, err
	}
	defer both(&err, h.end)
	var connected bool
	if err := h.hear(&connected); err != nil {
		return nil, err
	}
	after, err := of.settled(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.tell("go"); err != nil {
		return nil, err
	}
	var got heard
	if err := h.hear(&got); err != nil {
		return nil, err
	}
	return []float64{
		got.CPU * 1e6 / float64(got.Count),
		percentile(got.Delays, 0.5),
		percentile(got.Delays, 0.99),
		float64(after.all()-before.all()) / 1024 / float64(count),
		float64(int64(count*lines) - got.Count),
	}, nil
}

// roomFor is a daemon's configuration that lets one client have so many feeds,
// where it would not without.
func (l *lab) roomFor(count int) (args []string, err error) {
	if count <= 1000 {
		return nil, nil
	}
	path := filepath.Join(l.dir, "room.ini")
	text := fmt.Sprintf("[gaffer]\nmax_connections = %d\nmax_peer_connections = %[1]d\nmax_peer_streams = %[1]d\n", count+100)
	return []string{path}, os.WriteFile(path, []byte(text), 0o600)
}
