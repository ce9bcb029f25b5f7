package main

import (
	"context"
	"fmt"
)

// childMemoryAxes are what a side holds for each of many idle children.
func childMemoryAxes() []axis {
	var all []axis
	for _, count := range []int{100, 1000} {
		limit := goal{}
		if count == 1000 {
			limit = goal{valueAtMost, 32}
		}
		all = append(all, axis{
			name:     fmt.Sprintf("memory-children-%d", count),
			about:    fmt.Sprintf("memory of each of %d idle children, both outputs redirected", count),
			maxPairs: 3, // it hardly varies
			measures: memoryMeasures("a child", limit),
			scale:    scale{"children in memory", float64(count)},
			run: func(ctx context.Context, l *lab, s side) (values []float64, err error) {
				count := l.amount(count, count/20)
				c, err := newChildren(ctx, s, bareIdle)
				if err != nil {
					return nil, err
				}
				defer both(&err, c.end)
				return memoryFor(ctx, c.pids(), count, func() error { return c.start(ctx, count) })
			},
		})
	}
	return all
}

func memoryMeasures(what string, limit goal) []measure {
	return []measure{
		{name: "all that is held", unit: "KiB " + what, goal: limit, growth: each},
		{name: "of that, no file's", unit: "KiB " + what},
	}
}

// memoryFor is by how much each of count things that add makes grows a side.
func memoryFor(ctx context.Context, of group, count int, add func() error) ([]float64, error) {
	before, err := of.settled(ctx)
	if err != nil {
		return nil, err
	}
	if err := add(); err != nil {
		return nil, err
	}
	after, err := of.settled(ctx)
	if err != nil {
		return nil, err
	}
	each := func(n int64) float64 { return float64(n) / 1024 / float64(count) }
	return []float64{each(after.all() - before.all()), each(after.anon - before.anon)}, nil
}
