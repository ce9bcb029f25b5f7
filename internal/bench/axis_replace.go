package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"
)

const (
	replaceKills = 100
	replaceAge   = 20 * time.Millisecond // of a child when it is killed
)

// replaceAxes kill children and wait for what the next ones say in their
// streams.
func replaceAxes() []axis {
	var all []axis
	add := func(name string, count int, p50 goal, size scale, subscriber string, listen listener) {
		all = append(all, axis{
			name:  name,
			about: fmt.Sprintf("the replacement of %d killed at once, until the first output of the last one has come to %s", count, subscriber),
			measures: []measure{
				{name: "p50", unit: "ms", goal: p50, growth: total},
				{name: "p99", unit: "ms"},
				{name: "CPU", unit: "ms a replacement", growth: each},
			},
			scale: size,
			begin: replacement{count, listen, rawReplaceRole(count)}.begin,
		})
	}
	wanted := goal{ratioAtMost, 1.5}
	killed := func(n float64) scale { return scale{"children killed at once", n} }
	add("replace", 1, wanted, killed(1), "a subscriber of its stream, who learns of it from the events", listenToStreams)
	add("replace-10", 10, goal{}, killed(10), "a subscriber of its stream, who learns of it from the events", listenToStreams)
	add("replace-logs", 1, wanted, scale{}, "a reader of the app's logs", listenToLogs)
	return all
}

func rawReplaceRole(count int) []string { return []string{"raw", "replace", "-k", strconv.Itoa(count)} }

// replacement is as many greeters, killed at once again and again. The bare loop is that
// of a role.
type replacement struct {
	count  int
	listen listener
	role   []string
}

// replacements are those of one side.
type replacements struct {
	greetings
	left int   // rounds
	live []int // the process ids of the greeters
	took []float64
	cpu  time.Duration // in its own turns
}

func (r replacement) begin(ctx context.Context, l *lab, s side) (_ turns, err error) {
	g, err := newGreetings(ctx, s, r.count, r.listen, r.role)
	if err != nil {
		return nil, err
	}
	all := &replacements{greetings: g, left: l.amount(replaceKills, 5), live: make([]int, r.count)}
	if err = g.prepare(r.count); err == nil {
		err = all.hear(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, g.end())
	}
	return all, nil
}

// hear waits for the greetings of as many as there are.
func (r *replacements) hear(ctx context.Context) (err error) {
	for i := range r.live {
		if r.live[i], err = r.greeting(ctx); err != nil {
			return err
		}
	}
	return nil
}

// next has all replaced once.
func (r *replacements) next(ctx context.Context) (more bool, err error) {
	if err := r.prepare(len(r.live)); err != nil {
		return false, err
	}
	if err := pause(ctx, replaceAge); err != nil {
		return false, err
	}
	before, err := r.pids().cpu()
	if err != nil {
		return false, err
	}
	began := time.Now()
	for _, pid := range r.live {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return false, err
		}
	}
	if err := r.hear(ctx); err != nil {
		return false, err
	}
	r.took = append(r.took, time.Since(began).Seconds()*1e3)
	after, err := r.pids().cpu()
	r.cpu += after - before
	r.left--
	return r.left > 0, err
}

func (r *replacements) values() ([]float64, error) {
	return []float64{
		percentile(r.took, 0.5),
		percentile(r.took, 0.99),
		r.cpu.Seconds() * 1e3 / float64(len(r.took)*len(r.live)),
	}, nil
}
