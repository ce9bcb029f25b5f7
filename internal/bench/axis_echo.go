package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// echoed is what comes back of each message.
const echoed = 64

// trips is what echo says when the messages of a turn have come back.
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
	{1, 25_000, 0, true},
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
			begin: func(ctx context.Context, l *lab, s side) (turns, error) {
				return kind.begin(ctx, l, s, []string{"raw", "echo"})
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

// echoTurns are in how many parts the messages are sent, in turns with the other side's.
// Each takes a third of a second or more: for some hundredths after it has had nothing to
// do, a Go program is slower.
const echoTurns = 5

// echoes are those of one side.
type echoes struct {
	sender *helper
	of     *helper // the bare bridge; nil beside gafferd
	daemon *daemon
	left   int // turns
	all    trips
}

// begin connects to cats. The bare bridge is that of a role.
func (k echoKind) begin(ctx context.Context, l *lab, s side, role []string) (_ turns, err error) {
	e := &echoes{left: echoTurns}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.end())
		}
	}()
	children := l.amount(k.children, min(k.children, 5))
	var addr string
	var of group
	pids := make([]int, children)
	if s.raw() {
		if e.of, err = help(ctx, role...); err != nil {
			return nil, err
		}
		if err := e.of.hear(&addr); err != nil {
			return nil, err
		}
		of = e.of.pids()
	} else {
		if e.daemon, err = startDaemon(ctx, s.gafferd); err != nil {
			return nil, err
		}
		if err := e.daemon.run(ctx, description{"name": "cat", "cmd": "cat", "redirect_input": true, "numprocesses": children}); err != nil {
			return nil, err
		}
		if pids, err = e.daemon.instances(ctx, "cat"); err != nil {
			return nil, err
		}
		of, addr = e.daemon.pids(), e.daemon.addr
	}
	count := l.amount(k.trips, 10) / echoTurns
	args := []string{"echo", "-addr", addr, "-n", strconv.Itoa(count), "-every", l.span(k.every).String(), "-pids", of.String()}
	for _, pid := range pids {
		args = append(args, fmt.Sprintf("/wstreams/%d", pid))
	}
	if e.sender, err = help(ctx, args...); err != nil {
		return nil, err
	}
	var connected bool
	return e, e.sender.hear(&connected)
}

func (e *echoes) next(context.Context) (more bool, err error) {
	if err := e.sender.tell("go"); err != nil {
		return false, err
	}
	var t trips
	if err := e.sender.hear(&t); err != nil {
		return false, err
	}
	e.all.Took = append(e.all.Took, t.Took...)
	e.all.CPU += t.CPU
	e.left--
	return e.left > 0, nil
}

func (e *echoes) values() ([]float64, error) {
	took := e.all.Took
	return []float64{percentile(took, 0.5), percentile(took, 0.99), e.all.CPU * 1e6 / float64(len(took))}, nil
}

// end closes the websockets first.
func (e *echoes) end() (err error) {
	for _, h := range []*helper{e.sender, e.of} {
		if h != nil {
			err = errors.Join(err, h.end())
		}
	}
	if e.daemon != nil {
		err = errors.Join(err, e.daemon.end())
	}
	return err
}
