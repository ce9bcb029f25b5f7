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
)

// greeter is a child that says its process id and is quiet then.
var greeter = []string{"sh", "-c", "echo $$; exec sleep 1000000"}

// greetings is a side that keeps a greeter running.
type greetings interface {
	pids() group
	prepare(count int) error                             // gets ready for so many, unmeasured
	greeting(ctx context.Context) (osPID int, err error) // of the next greeter, once its stream brings it
	end() error
}

// listener is how greetings are heard of a daemon that runs some greeters.
type listener func(ctx context.Context, d *daemon, greeters description) (greetings, error)

func newGreetings(ctx context.Context, s side, count int, listen listener, role []string) (greetings, error) {
	if s.raw() {
		return newRawGreetings(ctx, role)
	}
	d, err := startDaemon(ctx, s.gafferd)
	if err != nil {
		return nil, err
	}
	g, err := listen(ctx, d, description{
		"name": "greeters:greeter", "cmd": greeter[0], "args": greeter[1:],
		"backoff": map[string]any{"initial": 0}, "numprocesses": count,
	})
	if err != nil {
		d.end()
		return nil, err
	}
	return g, nil
}

type rawGreetings struct {
	*helper
	pair  group
	conn  net.Conn
	lines *bufio.Reader
}

func newRawGreetings(ctx context.Context, role []string) (*rawGreetings, error) {
	h, err := help(ctx, role...)
	if err != nil {
		return nil, err
	}
	var addr string
	if err := h.hear(&addr); err != nil {
		return nil, err
	}
	pair, err := h.pair()
	if err != nil {
		h.end()
		return nil, err
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		h.end()
		return nil, err
	}
	return &rawGreetings{helper: h, pair: pair, conn: conn, lines: bufio.NewReader(conn)}, nil
}

func (g *rawGreetings) pids() group { return g.pair }

func (g *rawGreetings) prepare(int) error { return nil }

func (g *rawGreetings) greeting(context.Context) (int, error) { return osPID(g.lines) }

func (g *rawGreetings) end() error {
	g.conn.Close()
	return g.helper.end()
}

// streamGreetings learns of each new instance from the events and reads its
// stream from the beginning, over a connection that is open by then, as raw's is.
type streamGreetings struct {
	*daemon
	watch  *http.Response
	events *json.Decoder
	spares spares
}

func listenToStreams(ctx context.Context, d *daemon, greeters description) (greetings, error) {
	watch, err := d.open(ctx, "GET", "/watch/proc/greeters:greeter/spawn?feed=continuous", http.NoBody)
	if err != nil {
		return nil, err
	}
	if err := d.run(ctx, greeters); err != nil {
		watch.Body.Close()
		return nil, err
	}
	return &streamGreetings{daemon: d, watch: watch, events: json.NewDecoder(watch.Body)}, nil
}

func (g *streamGreetings) prepare(count int) error { return g.spares.fill(g.addr, count) }

func (g *streamGreetings) greeting(context.Context) (int, error) {
	var spawned struct{ PID int }
	if err := g.events.Decode(&spawned); err != nil {
		return 0, err
	}
	conn, err := g.spares.take()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stream, err := ask(conn, fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", spawned.PID))
	if err != nil {
		return 0, err
	}
	return osPID(bufio.NewReader(stream))
}

func (g *streamGreetings) end() error {
	g.watch.Body.Close()
	g.spares.close()
	return g.daemon.end()
}

// logGreetings reads the logs of the greeters' app.
type logGreetings struct {
	*daemon
	logs  *http.Response
	lines *bufio.Reader
}

func listenToLogs(ctx context.Context, d *daemon, greeters description) (greetings, error) {
	if err := d.run(ctx, greeters); err != nil {
		return nil, err
	}
	logs, err := d.open(ctx, "GET", "/apps/greeters/logs?stream=true&n=1", http.NoBody)
	if err != nil {
		return nil, err
	}
	return &logGreetings{d, logs, bufio.NewReader(logs.Body)}, nil
}

func (g *logGreetings) prepare(int) error { return nil }

func (g *logGreetings) greeting(context.Context) (int, error) {
	for {
		field, err := g.lines.ReadString('\n')
		if err != nil {
			return 0, err
		}
		data, ok := strings.CutPrefix(field, "data: ")
		if !ok {
			continue
		}
		var line struct{ Log string }
		if err := json.Unmarshal([]byte(data), &line); err != nil {
			return 0, err
		}
		_, text, _ := strings.Cut(line.Log, "] ")
		return strconv.Atoi(strings.TrimSpace(text))
	}
}

func (g *logGreetings) end() error {
	g.logs.Body.Close()
	return g.daemon.end()
}

func osPID(lines *bufio.Reader) (int, error) {
	line, err := lines.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}
