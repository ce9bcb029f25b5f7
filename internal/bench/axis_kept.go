package main

import (
	"context"
	"fmt"
	"time"
)

// keptAxes are gafferd beside the least programs whose children, and what these have
// said, outlive the process that serves, as gafferd's do: how much of what it takes beside
// other bare loops is the price of that.
func keptAxes() []axis {
	all := []axis{{
		name:     "kept-replace",
		about:    "replace-logs, beside the least pair of processes of which one keeps what outlives the other",
		measures: []measure{{name: "p50", unit: "ms"}, {name: "p99", unit: "ms"}, {name: "CPU", unit: "ms a replacement"}},
		run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
			return runReplace(ctx, s, 1, l.amount(replaceKills, 5), listenToLogs, []string{"raw", "kept"})
		},
	}}
	for _, kind := range []struct {
		children, trips int
		every           time.Duration
	}{{1, 5000, 0}, {100, 50, 100 * time.Millisecond}} {
		all = append(all, axis{
			name:     fmt.Sprintf("kept-echo-%d", kind.children),
			about:    fmt.Sprintf("echo-%d, beside a bridge whose input and output go through files in memory", kind.children),
			measures: []measure{{name: "p50", unit: "µs"}, {name: "p99", unit: "µs"}, {name: "CPU", unit: "µs a trip"}},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runEcho(ctx, s, l.amount(kind.children, min(kind.children, 5)), l.amount(kind.trips, 10), kind.every, "kept-echo")
			},
		})
	}
	return all
}
