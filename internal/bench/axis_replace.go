package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	replaceKills = 30
	replaceAge   = 20 * time.Millisecond // of a child when it is killed
)

// greeter is a child that says its process id and is quiet then.
var greeter = []string{"sh", "-c", "echo $$; exec sleep 1000000"}

// replaceAxes kill children and wait for what the next ones say in their
// streams.
func replaceAxes() []axis {
	var all []axis
	for _, count := range []int{1, 10} {
		name, p50 := "replace", goal{ratioAtMost, 1.5}
		if count > 1 {
			name, p50 = fmt.Sprintf("replace-%d", count), goal{}
		}
		all = append(all, axis{
			name:  name,
			about: fmt.Sprintf("the replacement of %d killed at once, until the first output of the last one has come to a subscriber", count),
			measures: []measure{
				{name: "p50", unit: "ms", goal: p50, growth: total},
				{name: "p99", unit: "ms"},
				{name: "CPU", unit: "ms a replacement", growth: each},
			},
			scale: scale{"children killed at once", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runReplace(ctx, s, count, l.amount(replaceKills, 5))
			},
		})
	}
	return all
}

func runReplace(ctx context.Context, s side, count, rounds int) (values []float64, err error) {
	g, err := newGreetings(ctx, s, count)
	if err != nil {
		return nil, err
	}
	defer both(&err, g.end)
	pids := make([]int, count)
	next := func() (err error) {
		for i := range pids {
			if pids[i], err = g.next(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if err := next(); err != nil {
		return nil, err
	}
	before, err := g.pids().cpu()
	if err != nil {
		return nil, err
	}
	var took []float64
	for range rounds {
		if err := pause(ctx, replaceAge); err != nil {
			return nil, err
		}
		began := time.Now()
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return nil, err
			}
		}
		if err := next(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds()*1e3)
	}
	after, err := g.pids().cpu()
	return []float64{
		percentile(took, 0.5),
		percentile(took, 0.99),
		(after - before).Seconds() * 1e3 / float64(rounds*count),
	}, err
}

// greetings is a side that keeps a greeter running.
type greetings interface {
	pids() group
	next(ctx context.Context) (osPID int, err error) // of the next greeter, once its stream brings it
	end() error
}

func newGreetings(ctx context.Context, s side, count int) (greetings, error) {
	if s.raw() {
		return newRawGreetings(ctx, count)
	}
	return newDaemonGreetings(ctx, s, count)
}

type rawGreetings struct {
	*helper
	conn  net.Conn
	lines *bufio.Reader
}

func newRawGreetings(ctx context.Context, count int) (*rawGreetings, error) {
	h, err := help(ctx, "raw", "replace", "-k", strconv.Itoa(count))
	if err != nil {
		return nil, err
	}
	var addr string
	if err := h.hear(&addr); err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		h.end()
		return nil, err
	}
	return &rawGreetings{helper: h, conn: conn, lines: bufio.NewReader(conn)}, nil
}

func (g *rawGreetings) next(context.Context) (int, error) { return osPID(g.lines) }

func (g *rawGreetings) end() error {
	g.conn.Close()
	return g.helper.end()
}

// daemonGreetings learns of each new instance from the events and reads its
// stream from the beginning.
type daemonGreetings struct {
	*daemon
	watch  *http.Response
	events *json.Decoder
	stream *http.Response // of the instance last greeted
}

func newDaemonGreetings(ctx context.Context, s side, count int) (g *daemonGreetings, err error) {
	d, err := startDaemon(ctx, s.gafferd)
	if err != nil {
		return nil, err
	}
	g = &daemonGreetings{daemon: d}
	defer func() {
		if err != nil {
			g.end()
		}
	}()
	if g.watch, err = d.open(ctx, "GET", "/watch/proc/greeter/spawn?feed=continuous", http.NoBody); err != nil {
		return nil, err
	}
	g.events = json.NewDecoder(g.watch.Body)
	err = d.run(ctx, description{
		"name": "greeter", "cmd": greeter[0], "args": greeter[1:],
		"backoff": map[string]any{"initial": 0}, "numprocesses": count,
	})
	return g, err
}

func (g *daemonGreetings) next(ctx context.Context) (int, error) {
	var spawned struct{ PID int }
	if err := g.events.Decode(&spawned); err != nil {
		return 0, err
	}
	if g.stream != nil {
		g.stream.Body.Close()
	}
	var err error
	if g.stream, err = g.open(ctx, "GET", fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", spawned.PID), http.NoBody); err != nil {
		return 0, err
	}
	return osPID(bufio.NewReader(g.stream.Body))
}

func (g *daemonGreetings) end() error {
	for _, r := range []*http.Response{g.watch, g.stream} {
		if r != nil {
			r.Body.Close()
		}
	}
	return g.daemon.end()
}

func osPID(lines *bufio.Reader) (int, error) {
	line, err := lines.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}
