package main

import (
	"context"
	"fmt"
	"strconv"
)

// fanout is a child that writes as fast as it can, and some subscribers that
// are all due everything.
type fanout struct {
	subscribers int
	line        int   // bytes a write
	size        int64 // bytes the child writes in all
}

// reading is what subscribe says when all its connections have ended.
type reading struct {
	Seconds float64 // from the go to the last byte of payload
	CPU     float64 // seconds that the other side has used meanwhile
	Payload int64   // bytes, of all connections
	Broken  int     // connections that did not end as they should
}

func fanoutAxes() []axis {
	var all []axis
	for _, line := range []struct {
		name   string
		bytes  int
		mib    [3]int
		target goal
	}{
		{"16k", 16 << 10, [3]int{1024, 256, 32}, goal{ratioAtLeast, 0.8}},
		{"100b", 100, [3]int{128, 96, 24}, goal{}},
	} {
		for i, k := range []int{1, 10, 100} {
			f := fanout{subscribers: k, line: line.bytes, size: int64(line.mib[i]) << 20}
			all = append(all, axis{
				name:  fmt.Sprintf("fanout-%s-%d", line.name, k),
				about: fmt.Sprintf("writes of %d bytes to %d continuous subscribers", line.bytes, k),
				measures: []measure{
					{"delivered to all", "MB/s", line.target},
					{"CPU", "s per GB delivered", goal{}},
					{"lost", "bytes", goal{kind: never}},
					{"broken off", "connections", goal{kind: never}},
				},
				run: f.run,
			})
		}
	}
	return all
}

func (f fanout) run(ctx context.Context, l *lab, s side) ([]float64, error) {
	if l.quick {
		f.size /= 16
	}
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	var r reading
	if s.raw() {
		r, err = f.runRaw(ctx, s, gate)
	} else {
		r, err = f.runDaemon(ctx, s, gate)
	}
	if err != nil {
		return nil, err
	}
	return f.values(r), nil
}

// values are those of the fan-out's measures.
func (f fanout) values(r reading) []float64 {
	due := f.size * int64(f.subscribers)
	return []float64{
		float64(r.Payload) / 1e6 / r.Seconds,
		r.CPU / (float64(r.Payload) / 1e9),
		float64(due - r.Payload),
		float64(r.Broken),
	}
}

func (f fanout) runRaw(ctx context.Context, _ side, gate string) (r reading, err error) {
	raw, err := help(ctx, append([]string{"raw", "fanout", "-k", strconv.Itoa(f.subscribers)}, f.child(gate)...)...)
	if err != nil {
		return r, err
	}
	defer both(&err, raw.end)
	var addr string
	if err := raw.hear(&addr); err != nil {
		return r, err
	}
	return f.read(ctx, raw.pid(), addr, "", gate)
}

func (f fanout) runDaemon(ctx context.Context, s side, gate string, args ...string) (r reading, err error) {
	d, err := startDaemon(ctx, s.gafferd, args...)
	if err != nil {
		return r, err
	}
	defer both(&err, d.end)
	bench, err := self()
	if err != nil {
		return r, err
	}
	child := description{"name": "flood", "cmd": bench, "args": append([]string{"child", "flood"}, f.child(gate)...), "restart": "never"}
	if err := d.run(ctx, child); err != nil {
		return r, err
	}
	pid, err := d.onlyPid(ctx, "flood")
	if err != nil {
		return r, err
	}
	return f.read(ctx, d.pid(), d.addr, fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", pid), gate)
}

// child are the flags of the flooding child.
func (f fanout) child(gate string) []string {
	return []string{"-size", strconv.FormatInt(f.size, 10), "-line", strconv.Itoa(f.line), "-gate", gate}
}

func (f fanout) read(ctx context.Context, pid int, addr, path, gate string) (r reading, err error) {
	h, err := help(ctx, "subscribe", "-addr", addr, "-get", path, "-k", strconv.Itoa(f.subscribers),
		"-want", strconv.FormatInt(f.size, 10), "-gate", gate, "-pid", strconv.Itoa(pid))
	if err != nil {
		return r, err
	}
	defer both(&err, h.end)
	return r, h.hear(&r)
}
