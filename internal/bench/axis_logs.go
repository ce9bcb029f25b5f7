package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"time"
)

// What the axes of logs read: so many lines of so many bytes, of which one in
// rareLines has a word of its own. On disk, with their heads, they are just what
// gafferd keeps of one process.
const (
	keptCount = 1_000_000
	keptLine  = 60
	rareLines = 1000
)

// keptLines is a state directory with the output of one process.
type keptLines struct {
	dir   string
	lines int
}

// keep makes that directory once, through the daemon.
func (l *lab) keep(ctx context.Context) (*keptLines, error) {
	if l.kept != nil {
		return l.kept, nil
	}
	k := &keptLines{dir: filepath.Join(l.dir, "kept"), lines: l.amount(keptCount, keptCount/50)}
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	if err := k.write(ctx, l.gafferd, gate); err != nil {
		return nil, fmt.Errorf("fill the logs: %w", err)
	}
	l.kept = k
	return k, nil
}

func (k *keptLines) write(ctx context.Context, gafferd, gate string) (err error) {
	d, err := startDaemon(ctx, gafferd, "--state-dir", k.dir)
	if err != nil {
		return err
	}
	defer both(&err, d.end)
	pid, err := d.runChild(ctx, description{"name": "lines", "backpressure": true}, "child", "lines", "-n", fmt.Sprint(k.lines), "-gate", gate)
	if err != nil {
		return err
	}
	response, err := d.open(ctx, "GET", fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", pid), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := openGate(ctx, gate); err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, response.Body); err != nil { // until the child has ended
		return err
	}
	return d.call(ctx, "DELETE", "/processes/lines?wait=true", nil, nil) // its logs stay
}

// open starts a daemon that has the lines on disk, and none in memory.
func (k *keptLines) open(ctx context.Context, gafferd string) (*daemon, error) {
	return startDaemon(ctx, gafferd, "--state-dir", k.dir)
}

// read reads lines of the logs and returns how many there were.
func (k *keptLines) read(ctx context.Context, d *daemon, query url.Values) (lines int, err error) {
	response, err := d.open(ctx, "GET", "/apps/lines/logs?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte("\n"))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
	}
}

func logTailAxis() axis {
	return axis{
		name:  "logs-tail",
		about: "the last 100 of 1,000,000 lines on disk",
		measures: []measure{
			{name: "answered", unit: "ms", goal: goal{valueAtMost, 10}},
			{name: "read", unit: "KiB", goal: goal{valueAtMost, 1024}},
		},
		maxPairs: 5,
		run:      runLogTail,
	}
}

func runLogTail(ctx context.Context, l *lab, s side) (values []float64, err error) {
	k, err := l.keep(ctx)
	if err != nil || s.raw() {
		return []float64{unknown, unknown}, err
	}
	d, err := k.open(ctx, s.gafferd)
	if err != nil {
		return nil, err
	}
	defer both(&err, d.end)
	const requests, lines = 20, 100
	before, err := d.pids().read()
	if err != nil {
		return nil, err
	}
	var took []float64
	for range requests {
		began := time.Now()
		n, err := k.read(ctx, d, url.Values{"n": {fmt.Sprint(lines)}})
		if err == nil && n != lines {
			err = fmt.Errorf("%d lines came of %d", n, lines)
		}
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds()*1e3)
	}
	after, err := d.pids().read()
	return []float64{percentile(took, 0.5), float64(after-before) / requests / 1024}, err
}

// logGrep looks for a pattern in all lines. The other side has their text in
// memory and does nothing but match.
type logGrep struct {
	pattern string
	finds   int // one in so many lines
}

func logGrepAxes() []axis {
	speed := func(g goal) []measure { return []measure{{name: "searched", unit: "MB of text/s", goal: g}} }
	return []axis{
		{
			name:     "logs-grep-literal",
			about:    "all of 1,000,000 lines on disk that match a pattern with a literal prefix",
			measures: speed(goal{valueAtLeast, 300}),
			run:      logGrep{`checkout of cart [0-9]+`, rareLines}.run,
		},
		{
			name:     "logs-grep-general",
			about:    "all of 1,000,000 lines on disk that match a pattern without one",
			measures: speed(goal{ratioAtLeast, 0.8}),
			run:      logGrep{`(GET|POST) /checkout|of cart [0-9]+`, rareLines}.run,
		},
	}
}

func (g logGrep) run(ctx context.Context, l *lab, s side) (values []float64, err error) {
	k, err := l.keep(ctx)
	if err != nil {
		return nil, err
	}
	search := g.runDaemon
	if s.raw() {
		search = g.runRaw
	}
	found, took, err := search(ctx, s, k)
	if want := k.lines / g.finds; err == nil && found != want {
		err = fmt.Errorf("%s is in %d lines, want %d", g.pattern, found, want)
	}
	return []float64{float64(k.lines) * keptLine / 1e6 / took.Seconds()}, err
}

func (g logGrep) runRaw(_ context.Context, _ side, k *keptLines) (found int, took time.Duration, err error) {
	match := regexp.MustCompile(g.pattern)
	var text bytes.Buffer
	writeLines(&text, k.lines)
	rest := text.Bytes()
	began := time.Now()
	for len(rest) > 0 {
		n := bytes.IndexByte(rest, '\n')
		if match.Match(rest[:n]) {
			found++
		}
		rest = rest[n+1:]
	}
	return found, time.Since(began), nil
}

func (g logGrep) runDaemon(ctx context.Context, s side, k *keptLines) (found int, took time.Duration, err error) {
	d, err := k.open(ctx, s.gafferd)
	if err != nil {
		return 0, 0, err
	}
	defer both(&err, d.end)
	began := time.Now()
	found, err = k.read(ctx, d, url.Values{"n": {"all"}, "grep": {g.pattern}})
	return found, time.Since(began), err
}
