package main

import (
	"context"
	"fmt"
)

// keptAxes are gafferd beside the least programs that take the ways which are needed if
// children, and what these have said, are to outlive the process that serves: how much of
// what gafferd takes beside other bare loops is the price of that.
func keptAxes() []axis {
	all := []axis{{
		name:     "kept-replace",
		about:    "replace-logs, beside the least pair of processes of which one keeps what outlives the other",
		measures: []measure{{name: "p50", unit: "ms"}, {name: "p99", unit: "ms"}, {name: "CPU", unit: "ms a replacement"}},
		begin:    replacement{1, listenToLogs, []string{"raw", "kept", "greeter"}}.begin,
	}, {
		name:     "kept-start-1000",
		about:    "start-1000, beside such a pair of processes",
		measures: startMeasures(goal{}, goal{}),
		run:      idle{count: 1000, role: []string{"raw", "kept", "idle"}}.run,
	}}
	for _, kind := range echoKinds {
		if !kind.judged {
			continue
		}
		all = append(all, axis{
			name:     fmt.Sprintf("kept-echo-%d", kind.children),
			about:    fmt.Sprintf("echo-%d, beside a bridge whose input and output go through files in memory", kind.children),
			measures: kind.measures(),
			begin: func(ctx context.Context, l *lab, s side) (turns, error) {
				return kind.begin(ctx, l, s, []string{"raw", "kept-echo"})
			},
		})
	}
	return all
}
