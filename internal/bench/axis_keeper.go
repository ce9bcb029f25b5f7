package main

import (
	"context"
	"fmt"
	"time"
)

// keeperAxes are what the keeper costs: the first side is gafferd as one
// process.
func keeperAxes() []axis {
	all := []axis{keeperFanoutAxis()}
	for _, count := range []int{200, 2000} {
		spawn, pairs := goal{differenceAtMost, 150}, 0
		if count > 200 {
			spawn, pairs = goal{}, 3
		}
		all = append(all, axis{
			name:     fmt.Sprintf("keeper-start-%d", count),
			about:    fmt.Sprintf("%d idle children by one request, beside gafferd --no-keeper", count),
			maxPairs: pairs,
			measures: []measure{
				{name: "started", unit: "µs a child", goal: spawn, growth: each},
				{name: "CPU", unit: "µs a child", growth: each},
			},
			scale: scale{"children of the keeper", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runKeeperStart(ctx, l, s, l.amount(count, count/20))
			},
		})
	}
	for _, count := range []int{100, 1000} {
		all = append(all, axis{
			name:     fmt.Sprintf("keeper-memory-%d", count),
			about:    fmt.Sprintf("the keeper's private memory (Pss_Anon), with %d idle children", count),
			maxPairs: 3,
			measures: []measure{
				{name: "private", unit: "MiB", goal: goal{valueAtMost, 8}, growth: total},
				{name: "files in memory", unit: "MiB", growth: total},
			},
			scale: scale{"children in the keeper's memory", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runKeeperMemory(ctx, s, l.amount(count, count/20))
			},
		})
	}
	return all
}

// base is the side of gafferd without a keeper that a bare loop's is instead.
func (l *lab) base(s side) (gafferd side, args []string) {
	if s.raw() {
		return side{s.name, l.gafferd}, []string{"--no-keeper"}
	}
	return s, nil
}

func keeperFanoutAxis() axis {
	f := fanout{subscribers: 10, line: 16 << 10, size: 256 << 20, feed: continuous}
	return axis{
		name:     "keeper-fanout",
		about:    "fanout-16k-10, beside gafferd --no-keeper",
		measures: fanoutMeasures(goal{ratioAtLeast, 1}, goal{}),
		run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
			f := f.in(l)
			gate, err := l.gate()
			if err != nil {
				return nil, err
			}
			s, args := l.base(s)
			r, err := f.runDaemon(ctx, s, gate, args...)
			return f.values(r), err
		},
	}
}

func runKeeperStart(ctx context.Context, l *lab, s side, count int) (values []float64, err error) {
	s, args := l.base(s)
	c, err := newChildren(ctx, s, bareIdle, args...)
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	before, err := c.pids().cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := c.start(ctx, count); err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := c.pids().cpu()
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(count) }
	return []float64{each(took), each(after - before)}, err
}

func runKeeperMemory(ctx context.Context, s side, count int) (values []float64, err error) {
	if s.raw() {
		return []float64{unknown, unknown}, nil
	}
	c, err := newChildren(ctx, s, bareIdle)
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	if err := c.start(ctx, count); err != nil {
		return nil, err
	}
	if _, err := c.pids().settled(ctx); err != nil {
		return nil, err
	}
	m, err := c.pids()[:1].memory()
	return []float64{float64(m.anon) / (1 << 20), float64(m.files) / (1 << 20)}, err
}
