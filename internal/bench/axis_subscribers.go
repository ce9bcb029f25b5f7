package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
)

// subscriberMemoryAxes are what a side holds for each of many subscribers to
// which nothing is sent.
func subscriberMemoryAxes() []axis {
	var all []axis
	for _, feed := range []string{"continuous", "eventsource"} {
		for _, count := range []int{100, 1000} {
			limit := goal{}
			if count == 1000 {
				limit = goal{valueAtMost, 28}
			}
			all = append(all, axis{
				name:     fmt.Sprintf("memory-%s-%d", feed, count),
				about:    fmt.Sprintf("memory of each of %d idle subscribers, %s; raw is a bare net/http handler", count, feed),
				maxPairs: 3,
				measures: memoryMeasures("a subscriber", limit),
				scale:    scale{feed + " subscribers in memory", float64(count)},
				run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
					return runSubscriberMemory(ctx, s, feed, l.amount(count, count/20))
				},
			})
		}
	}
	return all
}

func runSubscriberMemory(ctx context.Context, s side, feed string, count int) (values []float64, err error) {
	q, err := newQuiet(ctx, s, feed)
	if err != nil {
		return nil, err
	}
	defer both(&err, q.end)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	subscribe := func(count int) error {
		for range count {
			conn, err := get(q.addr, q.path)
			if err != nil {
				return err
			}
			conns = append(conns, conn)
		}
		return nil
	}
	if err := subscribe(1); err != nil { // so that what comes only once is there
		return nil, err
	}
	return memoryFor(ctx, q.pids(), count, func() error { return subscribe(count) })
}

// quiet is a side with a stream in which nothing is written.
type quiet struct {
	pids       func() group
	end        func() error
	addr, path string
}

func newQuiet(ctx context.Context, s side, feed string) (*quiet, error) {
	if s.raw() {
		h, err := help(ctx, "raw", "subscribers")
		if err != nil {
			return nil, err
		}
		q := &quiet{pids: h.pids, end: h.end, path: "/"}
		return q, h.hear(&q.addr)
	}
	d, err := startDaemon(ctx, s.gafferd)
	if err != nil {
		return nil, err
	}
	pid, err := startQuiet(ctx, d)
	if err != nil {
		return nil, errors.Join(err, d.end())
	}
	path := fmt.Sprintf("/streams/%d/stdout?feed=%s&heartbeat=false", pid, feed)
	return &quiet{pids: d.pids, end: d.end, addr: d.addr, path: path}, nil
}

func startQuiet(ctx context.Context, d *daemon) (pid int, err error) {
	path, err := exec.LookPath("sleep")
	if err != nil {
		return 0, err
	}
	if err := d.run(ctx, description{"name": "quiet", "cmd": path, "args": []string{"1000000"}}); err != nil {
		return 0, err
	}
	return d.onlyPid(ctx, "quiet")
}

// get sends a request and returns the connection when the answer's header has
// come.
func get(addr, path string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := ask(conn, path); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ask sends a request over a connection and returns the answer's body when its header
// has come.
func ask(conn net.Conn, path string) (io.Reader, error) {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, conn.RemoteAddr()); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return response.Body, nil
}
