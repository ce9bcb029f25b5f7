package main

import (
	"context"
	"os/exec"
	"strconv"
	"time"
)

// idleChildren is how many children a daemon is given that do nothing.
const idleChildren = 1000

// startAxis starts many idle children, created by one request, and stops them.
func startAxis() axis {
	return axis{
		name:  "start-1000",
		about: "1000 idle children by one request, both outputs redirected",
		measures: []measure{
			{"started", "children/s", goal{ratioAtLeast, 0.7}},
			{"CPU", "ms a child started", goal{}},
			{"stop all", "s", goal{}},
		},
		run: runStart,
	}
}

func runStart(ctx context.Context, l *lab, s side) (values []float64, err error) {
	count := l.amount(idleChildren, 50)
	c, err := newChildren(ctx, s)
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	before, err := cpuTime(c.pid())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := c.start(ctx, count); err != nil {
		return nil, err
	}
	started := time.Since(began)
	after, err := cpuTime(c.pid())
	if err != nil {
		return nil, err
	}
	began = time.Now()
	if err := c.stop(ctx); err != nil {
		return nil, err
	}
	stopped := time.Since(began)
	return []float64{
		float64(count) / started.Seconds(),
		(after - before).Seconds() * 1e3 / float64(count),
		stopped.Seconds(),
	}, nil
}

// children is a side that runs idle children.
type children interface {
	pid() int
	start(ctx context.Context, count int) error
	stop(ctx context.Context) error // all that were started
	end() error
}

func newChildren(ctx context.Context, s side) (children, error) {
	if s.raw() {
		h, err := help(ctx, "raw", "children")
		return &rawIdle{helper: h}, err
	}
	d, err := startDaemon(ctx, s.gafferd)
	return &daemonIdle{d}, err
}

type rawIdle struct{ *helper }

func (r *rawIdle) start(_ context.Context, count int) error { return r.order(strconv.Itoa(count)) }

func (r *rawIdle) stop(context.Context) error { return r.order("0") }

func (r *rawIdle) order(line string) error {
	if err := r.tell(line); err != nil {
		return err
	}
	var done bool
	return r.hear(&done)
}

type daemonIdle struct{ *daemon }

func (d *daemonIdle) start(ctx context.Context, count int) error {
	path, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	return d.run(ctx, description{"name": "idle", "cmd": path, "args": []string{"1000000"}, "numprocesses": count})
}

func (d *daemonIdle) stop(ctx context.Context) error {
	return d.call(ctx, "POST", "/processes/idle/_stop?wait=true", nil, nil)
}
