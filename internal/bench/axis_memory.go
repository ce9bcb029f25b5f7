package main

import (
	"context"
	"time"
)

// childMemoryAxis is what a side holds for each of many idle children.
func childMemoryAxis() axis {
	return axis{
		name:     "memory-children",
		about:    "memory an idle child, both outputs redirected",
		maxPairs: 3, // it hardly varies
		measures: memoryMeasures("a child"),
		run:      runChildMemory,
	}
}

func memoryMeasures(each string) []measure {
	return []measure{
		{"proportional (Pss)", "KiB " + each, goal{valueAtMost, 40}},
		{"private and written to", "KiB " + each, goal{}},
	}
}

func runChildMemory(ctx context.Context, l *lab, s side) (values []float64, err error) {
	c, err := newChildren(ctx, s)
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	count := l.amount(idleChildren, 50)
	return memoryFor(ctx, c.pid(), count, func() error { return c.start(ctx, count) })
}

// memoryFor is by how much each of count things that add makes grows a process.
func memoryFor(ctx context.Context, pid, count int, add func() error) ([]float64, error) {
	before, err := settled(ctx, pid)
	if err != nil {
		return nil, err
	}
	if err := add(); err != nil {
		return nil, err
	}
	after, err := settled(ctx, pid)
	if err != nil {
		return nil, err
	}
	each := func(n int64) float64 { return float64(n) / 1024 / float64(count) }
	return []float64{each(after.pss - before.pss), each(after.private - before.private)}, nil
}

// settled is what a process holds once that has stopped changing, or after some
// seconds.
func settled(ctx context.Context, pid int) (memory, error) {
	last, err := memoryOf(pid)
	for range 20 {
		if err != nil {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return memory{}, context.Cause(ctx)
		}
		var now memory
		now, err = memoryOf(pid)
		steady := now.private == last.private
		last = now
		if steady {
			break
		}
	}
	return last, err
}
