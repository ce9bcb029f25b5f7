package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// fanout is a child that writes as fast as it can, and some subscribers that
// are all due everything.
type fanout struct {
	subscribers int
	line        int   // bytes a write
	size        int64 // bytes the child writes in all, up to a line
	feed        feed
}

// feed is how subscribers of the daemon get what the child writes. The bare loop
// knows the bytes alone.
type feed struct {
	form string
	path string // a format, if the daemon's id of the child is in it
}

var continuous = feed{formBytes, "/streams/%d/stdout?feed=continuous&since=0"}

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
		name  string
		bytes int
		mib   [3]int
		least [3]float64 // of raw's throughput
		cpu   goal
	}{
		{"16k", 16 << 10, [3]int{1024, 256, 32}, [3]float64{1, 1, 1}, goal{ratioAtMost, 1}},
		{"100b", 100, [3]int{128, 96, 24}, [3]float64{1.2, 1.1, 1}, goal{}},
	} {
		name := "fanout-" + line.name
		for i, k := range []int{1, 10, 100} {
			f := fanout{subscribers: k, line: line.bytes, size: int64(line.mib[i]) << 20, feed: continuous}
			about := fmt.Sprintf("writes of %d bytes to %d continuous subscribers", line.bytes, k)
			all = append(all, axis{
				name:     fmt.Sprintf("%s-%d", name, k),
				about:    about,
				measures: fanoutMeasures(goal{ratioAtLeast, line.least[i]}, line.cpu),
				scale:    scale{"subscribers of " + name, float64(k)},
				run:      f.run,
			})
		}
		// The two that differ in bytes alone.
		for _, times := range []int64{1, 10} {
			f := fanout{subscribers: 1, line: line.bytes, size: times * int64(line.mib[2]) << 20, feed: continuous}
			all = append(all, axis{
				name:     fmt.Sprintf("%s-of-%dmib", name, f.size>>20),
				about:    fmt.Sprintf("writes of %d bytes, %d MiB in all, to one", line.bytes, f.size>>20),
				maxPairs: 3,
				measures: fanoutMeasures(goal{}, goal{}),
				scale:    scale{"bytes of " + name, float64(times)},
				run:      f.run,
			})
		}
	}
	return all
}

// feedAxes are lines of 100 bytes by the other feeds, beside the same loop as
// those of fanoutAxes.
func feedAxes() []axis {
	var all []axis
	for _, kind := range []struct {
		name  string
		about string
		feed  feed
		least float64 // to ten
	}{
		{"sse", "server-sent events", feed{formLines, "/streams/%d/stdout?feed=eventsource&since=0"}, 0.5},
		{"ws", "a websocket each", feed{formFrames, "/wstreams/%d?since=0&readonly=true"}, 0.6},
		{"logs", "logs of the app as server-sent events", feed{formLines, "/apps/flood/logs?stream=true"}, 0.4},
	} {
		for i, k := range []int{1, 10, 100} {
			f := fanout{subscribers: k, line: 100, size: int64([]int{64, 48, 12}[i]) << 20, feed: kind.feed}
			throughput := goal{}
			if k == 10 {
				throughput = goal{ratioAtLeast, kind.least}
			}
			all = append(all, axis{
				name:     fmt.Sprintf("%s-%d", kind.name, k),
				about:    fmt.Sprintf("writes of 100 bytes to %d, as %s", k, kind.about),
				measures: fanoutMeasures(throughput, goal{}),
				scale:    scale{"subscribers of " + kind.name, float64(k)},
				run:      f.run,
			})
		}
	}
	return all
}

func fanoutMeasures(throughput, cpu goal) []measure {
	return []measure{
		{name: "delivered to all", unit: "MB/s", goal: throughput},
		{name: "CPU", unit: "s per GB delivered", goal: cpu, growth: each},
		{name: "lost", unit: "bytes", goal: goal{kind: never}},
		{name: "broken off", unit: "connections", goal: goal{kind: never}},
	}
}

func (f fanout) run(ctx context.Context, l *lab, s side) ([]float64, error) {
	f = f.in(l)
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	var r reading
	if s.raw() {
		r, err = f.runRaw(ctx, gate)
	} else {
		r, err = f.runDaemon(ctx, s, gate)
	}
	if err != nil {
		return nil, err
	}
	return f.values(r), nil
}

// in is a fan-out of whole lines, and a small one in a quick run.
func (f fanout) in(l *lab) fanout {
	if l.quick {
		f.size = min(f.size/16, 4<<20)
	}
	f.size -= f.size % int64(f.line)
	return f
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

func (f fanout) runRaw(ctx context.Context, gate string) (r reading, err error) {
	raw, err := startRaw(ctx, f.subscribers, f.child(gate)...)
	if err != nil {
		return r, err
	}
	defer both(&err, raw.end)
	f.feed = feed{form: formBytes}
	return f.read(ctx, raw.pids(), raw.addr, gate)
}

// rawLoop is a raw fanout that waits for its connections.
type rawLoop struct {
	*helper
	addr string
}

// startRaw starts the bare loop with that child.
func startRaw(ctx context.Context, subscribers int, child ...string) (*rawLoop, error) {
	h, err := help(ctx, append([]string{"raw", "fanout", "-k", strconv.Itoa(subscribers)}, child...)...)
	if err != nil {
		return nil, err
	}
	r := &rawLoop{helper: h}
	return r, h.hear(&r.addr)
}

func (f fanout) runDaemon(ctx context.Context, s side, gate string, args ...string) (r reading, err error) {
	d, err := startDaemon(ctx, s.gafferd, args...)
	if err != nil {
		return r, err
	}
	defer both(&err, d.end)
	pid, err := d.runChild(ctx, description{"name": "flood"}, f.child(gate)...)
	if err != nil {
		return r, err
	}
	return f.of(pid).read(ctx, d.pids(), d.addr, gate)
}

// of is the fan-out of a child that the daemon runs.
func (f fanout) of(pid int) fanout {
	if strings.Contains(f.feed.path, "%d") {
		f.feed.path = fmt.Sprintf(f.feed.path, pid)
	}
	return f
}

// child is the flooding child.
func (f fanout) child(gate string) []string {
	return []string{"child", "flood", "-size", strconv.FormatInt(f.size, 10), "-line", strconv.Itoa(f.line), "-gate", gate}
}

func (f fanout) read(ctx context.Context, of group, addr, gate string) (r reading, err error) {
	h, err := help(ctx, "subscribe", "-addr", addr, "-get", f.feed.path, "-form", f.feed.form, "-line", strconv.Itoa(f.line),
		"-k", strconv.Itoa(f.subscribers), "-want", strconv.FormatInt(f.size, 10), "-gate", gate, "-pids", of.String())
	if err != nil {
		return r, err
	}
	defer both(&err, h.end)
	return r, h.hear(&r)
}
