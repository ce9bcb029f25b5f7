package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// echoed is what comes back of each message.
const echoed = 64

// trips is what echo says when all messages have come back.
type trips struct {
	Took []float64 // microseconds, each
	CPU  float64   // seconds that the other side has used meanwhile
}

// echoKind is messages to cats and back, each cat's through a websocket of its own.
type echoKind struct {
	children int
	trips    int // each
	every    time.Duration
	judged   bool
}

var echoKinds = []echoKind{
	{1, 5000, 0, true},
	{10, 50, 100 * time.Millisecond, false},
	{100, 50, 100 * time.Millisecond, true},
}

// measures are what there is to see of them, without a goal.
func (echoKind) measures() []measure {
	return []measure{{name: "p50", unit: "µs"}, {name: "p99", unit: "µs"}, {name: "CPU", unit: "µs a trip"}}
}

func echoAxes() []axis {
	var all []axis
	for _, kind := range echoKinds {
		measures := kind.measures()
		if kind.judged {
			for i, limit := range []float64{1.1, 1.3, 1.25} {
				measures[i].goal = goal{ratioAtMost, limit}
			}
		}
		a := axis{
			name:     fmt.Sprintf("echo-%d", kind.children),
			about:    fmt.Sprintf("%d bytes to each of %d cats and back, %v apart; raw is a bare websocket bridge", echoed, kind.children, kind.every),
			measures: measures,
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return kind.run(ctx, l, s, []string{"raw", "echo"})
			},
		}
		if kind.every > 0 { // at the same pace, so that they can be compared
			a.scale = scale{"echoes", float64(kind.children)}
			a.measures[2].growth = each
		}
		all = append(all, a)
	}
	return all
}

// run has them sent. The bare bridge is that of a role.
func (e echoKind) run(ctx context.Context, l *lab, s side, role []string) (values []float64, err error) {
	children, count := l.amount(e.children, min(e.children, 5)), l.amount(e.trips, 10)
	var of group
	var addr string
	pids := make([]int, children)
	if s.raw() {
		h, err := help(ctx, role...)
		if err != nil {
			return nil, err
		}
		defer both(&err, h.end)
		if err := h.hear(&addr); err != nil {
			return nil, err
		}
		of = h.pids()
	} else {
		d, err := startDaemon(ctx, s.gafferd)
		if err != nil {
			return nil, err
		}
		defer both(&err, d.end)
		if err := d.run(ctx, description{"name": "cat", "cmd": "cat", "redirect_input": true, "numprocesses": children}); err != nil {
			return nil, err
		}
		if pids, err = d.instances(ctx, "cat"); err != nil {
			return nil, err
		}
		of, addr = d.pids(), d.addr
	}
	args := []string{"echo", "-addr", addr, "-n", strconv.Itoa(count), "-every", l.span(e.every).String(), "-pids", of.String()}
	for _, pid := range pids {
		args = append(args, fmt.Sprintf("/wstreams/%d", pid))
	}
	h, err := help(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer both(&err, h.end)
	var t trips
	if err := h.hear(&t); err != nil {
		return nil, err
	}
	return []float64{percentile(t.Took, 0.5), percentile(t.Took, 0.99), t.CPU * 1e6 / float64(len(t.Took))}, nil
}
