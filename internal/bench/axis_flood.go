package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// flood is a child that writes as fast as it can, with or without somebody who
// asks for its output and never reads it, and somebody who does.
type flood struct {
	stalled, healthy bool
	base             *flood // what the first side does with the same daemon; nil: the bare loop of the same
}

func floodAxes() []axis {
	none := &flood{}
	alone := &flood{healthy: true}
	var all []axis
	for _, kind := range []struct {
		name, about string
		flood       flood
		lasts       goal
	}{
		{"flood", "no reader, beside a bare loop that reads the pipe", flood{}, goal{ratioAtLeast, 0.9}},
		{"flood-stalled", "a reader that has stalled, beside gafferd with none", flood{stalled: true, base: none}, goal{ratioAtLeast, 0.9}},
		{"flood-both", "a reader that has stalled and a healthy one, beside gafferd with none", flood{true, true, none}, goal{ratioAtLeast, 0.9}},
		{"flood-beside", "a reader that has stalled and a healthy one, beside gafferd with the healthy one alone", flood{true, true, alone}, goal{ratioAtLeast, 0.9}},
	} {
		// In the smaller ones, the patience that the writer begins with weighs.
		for _, mib := range []int{640, 64} {
			name, limit, pairs := kind.name, kind.lasts, 0
			if mib < 640 {
				name, limit, pairs = fmt.Sprintf("%s-%dmib", kind.name, mib), goal{}, 3
			}
			measures := []measure{
				{name: "child writes", unit: "MB/s", goal: limit, growth: rate},
				{name: "CPU", unit: "s per GB written", growth: each},
				{name: "most memory", unit: "MiB", goal: goal{valueAtMost, 64}, growth: total},
			}
			if kind.flood.healthy {
				measures = append(measures, measure{name: "lost by the healthy one", unit: "bytes", goal: goal{kind: never}})
			}
			all = append(all, axis{
				name:     name,
				about:    fmt.Sprintf("%d MiB in writes of 100 bytes, with %s", mib, kind.about),
				maxPairs: pairs,
				measures: measures,
				scale:    scale{"bytes of " + kind.name, float64(mib)},
				run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
					return kind.flood.run(ctx, l, s, int64(mib)<<20)
				},
			})
		}
	}
	return all
}

func (f flood) run(ctx context.Context, l *lab, s side, size int64) (values []float64, err error) {
	if f.base != nil && s.raw() {
		return f.base.run(ctx, l, side{gafferd: l.gafferd}, size)
	}
	fan := fanout{subscribers: 1, line: 100, size: size, feed: continuous}.in(l)
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	report, err := l.gate()
	if err != nil {
		return nil, err
	}
	child := append(fan.child(gate), "-report", report)
	var of group
	var addr string
	if s.raw() {
		raw, err := startRaw(ctx, 0, child...)
		if err != nil {
			return nil, err
		}
		defer both(&err, raw.end)
		of = raw.pids()
	} else {
		d, err := startDaemon(ctx, s.gafferd)
		if err != nil {
			return nil, err
		}
		defer both(&err, d.end)
		pid, err := d.runChild(ctx, description{"name": "flood"}, child...)
		if err != nil {
			return nil, err
		}
		fan = fan.of(pid)
		of, addr = d.pids(), d.addr
	}
	if f.stalled {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		if _, err := fmt.Fprint(conn, request(addr, fan.feed.path, formBytes)); err != nil {
			return nil, err
		}
	}
	return f.measure(ctx, fan, of, addr, gate, report)
}

// measure lets the child go and waits for it, and for the healthy reader.
func (f flood) measure(ctx context.Context, fan fanout, of group, addr, gate, report string) ([]float64, error) {
	before, err := of.cpu()
	if err != nil {
		return nil, err
	}
	peak := watchMemory(of)
	read := make(chan error, 1)
	var r reading
	if f.healthy {
		go func() {
			var err error
			r, err = fan.read(ctx, of, addr, gate)
			read <- err
		}()
	} else {
		read <- openGate(ctx, gate)
	}
	seconds, err := readReport(ctx, report)
	most := peak()
	if err := errors.Join(err, <-read); err != nil {
		return nil, err
	}
	after, err := of.cpu()
	if err != nil {
		return nil, err
	}
	lost := unknown
	if f.healthy {
		lost = float64(fan.size - r.Payload)
	}
	return []float64{
		float64(fan.size) / 1e6 / seconds,
		(after - before).Seconds() / (float64(fan.size) / 1e9),
		float64(most) / (1 << 20),
		lost, // a measure of those axes alone in which there is a healthy one
	}, nil
}

// watchMemory looks at what a side holds until the function that it returns is
// called, which returns the most that it was.
func watchMemory(of group) (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			if m, err := of.memory(); err == nil { // else it is ending, which shows elsewhere
				most = max(most, m.all())
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-done
	}
}
