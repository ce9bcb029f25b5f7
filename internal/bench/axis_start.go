package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// idle are many children that do nothing, of which each has two pipes.
type idle struct {
	count int
	file  bool     // from the daemon's configuration, or else by one request
	role  []string // of the bare loop
}

// bareIdle is the role of the loop that starts idle children and does nothing else.
var bareIdle = []string{"raw", "children"}

func startMeasures(started, stopped goal) []measure {
	return []measure{
		{name: "started", unit: "children/s", goal: started, growth: rate},
		{name: "CPU", unit: "ms a child started", growth: each},
		{name: "stop all", unit: "s", goal: stopped, growth: total},
	}
}

func startAxes() []axis {
	var all []axis
	for _, from := range []struct {
		name, about string
		file        bool
	}{
		{"start", "by one request", false},
		{"start-file", "from a configuration, and from the program's own start on", true},
	} {
		for _, count := range []int{200, 1000, 2000} {
			started, stopped := goal{ratioAtLeast, 0.8}, goal{}
			switch count {
			case 1000:
				stopped = goal{valueAtMost, 0.3}
			case 2000:
				started = goal{}
			}
			all = append(all, axis{
				name:     fmt.Sprintf("%s-%d", from.name, count),
				about:    fmt.Sprintf("%d idle children %s", count, from.about),
				measures: startMeasures(started, stopped),
				scale:    scale{"children of " + from.name, float64(count)},
				run:      idle{count, from.file, bareIdle}.run,
			})
			if count == 2000 {
				all[len(all)-1].maxPairs = 3
			}
		}
	}
	return all
}

func (i idle) run(ctx context.Context, l *lab, s side) (values []float64, err error) {
	i.count = l.amount(i.count, i.count/20)
	began := time.Now()
	var c children
	if i.file {
		c, err = i.configured(ctx, l, s)
	} else {
		c, err = newChildren(ctx, s, i.role)
	}
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	var before time.Duration
	if !i.file {
		if before, err = c.pids().cpu(); err != nil {
			return nil, err
		}
		began = time.Now()
	}
	if err := c.start(ctx, i.count); err != nil {
		return nil, err
	}
	started := time.Since(began)
	after, err := c.pids().cpu()
	if err != nil {
		return nil, err
	}
	began = time.Now()
	if err := c.stop(ctx); err != nil {
		return nil, err
	}
	stopped := time.Since(began)
	return []float64{
		float64(i.count) / started.Seconds(),
		(after - before).Seconds() * 1e3 / float64(i.count),
		stopped.Seconds(),
	}, nil
}

// configured is a side that starts the children without being asked.
func (i idle) configured(ctx context.Context, l *lab, s side) (children, error) {
	if s.raw() {
		return newChildren(ctx, s, i.role)
	}
	path := filepath.Join(l.dir, "idle.ini")
	text := fmt.Sprintf("[process:idle]\ncmd = sleep\nargs = 1000000\nnumprocesses = %d\n", i.count)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d, err := startDaemon(ctx, s.gafferd, path)
	return &daemonConfigured{daemonIdle{d}}, err
}

// children is a side that runs idle children.
type children interface {
	pids() group
	start(ctx context.Context, count int) error
	stop(ctx context.Context) error // all that were started
	end() error
}

// newChildren is a side without any yet: a bare loop of that role, or gafferd with
// these arguments.
func newChildren(ctx context.Context, s side, role []string, args ...string) (children, error) {
	if s.raw() {
		return newRawIdle(ctx, role)
	}
	d, err := startDaemon(ctx, s.gafferd, args...)
	return &daemonIdle{d}, err
}

type rawIdle struct {
	*helper
	pair group
}

func newRawIdle(ctx context.Context, role []string) (*rawIdle, error) {
	h, err := help(ctx, role...)
	if err != nil {
		return nil, err
	}
	r := &rawIdle{helper: h}
	if err := r.order("0"); err != nil { // none is there to be stopped, but who answers is
		return nil, err
	}
	if r.pair, err = h.pair(); err != nil {
		h.end()
		return nil, err
	}
	return r, nil
}

func (r *rawIdle) pids() group { return r.pair }

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

// daemonConfigured has started already what is in its configuration.
type daemonConfigured struct{ daemonIdle }

func (d *daemonConfigured) start(ctx context.Context, count int) error {
	for {
		var status struct{ Running int }
		if err := d.call(ctx, "GET", "/status/idle", nil, &status); err != nil {
			return err
		}
		if status.Running == count {
			return nil
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}
