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

// replaceAxis kills a child and waits for what the next one says in its stream.
func replaceAxis() axis {
	return axis{
		name:  "replace",
		about: "a killed child's replacement, until its first output has come to a subscriber",
		measures: []measure{
			{"p50", "ms", goal{ratioAtMost, 2}},
			{"p90", "ms", goal{}},
			{"CPU", "ms a replacement", goal{}},
		},
		run: runReplace,
	}
}

func runReplace(ctx context.Context, l *lab, s side) (values []float64, err error) {
	g, err := newGreetings(ctx, s)
	if err != nil {
		return nil, err
	}
	defer both(&err, g.end)
	pid, err := g.next(ctx)
	if err != nil {
		return nil, err
	}
	before, err := cpuTime(g.pid())
	if err != nil {
		return nil, err
	}
	var took []float64
	for range l.amount(replaceKills, 5) {
		time.Sleep(replaceAge)
		began := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return nil, err
		}
		if pid, err = g.next(ctx); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds()*1e3)
	}
	after, err := cpuTime(g.pid())
	return []float64{
		percentile(took, 0.5),
		percentile(took, 0.9),
		(after - before).Seconds() * 1e3 / float64(len(took)),
	}, err
}

// greetings is a side that keeps a greeter running.
type greetings interface {
	pid() int
	next(ctx context.Context) (osPID int, err error) // of the next greeter, once its stream brings it
	end() error
}

func newGreetings(ctx context.Context, s side) (greetings, error) {
	if s.raw() {
		return newRawGreetings(ctx)
	}
	return newDaemonGreetings(ctx, s)
}

type rawGreetings struct {
	*helper
	conn  net.Conn
	lines *bufio.Reader
}

func newRawGreetings(ctx context.Context) (*rawGreetings, error) {
	h, err := help(ctx, "raw", "replace")
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

func newDaemonGreetings(ctx context.Context, s side) (g *daemonGreetings, err error) {
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
		"backoff": map[string]any{"initial": 0},
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
