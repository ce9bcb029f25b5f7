package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// statusClients ask side by side, each over a connection that it keeps.
const statusClients = 16

// statusAxes are lists of all processes with their state.
func statusAxes() []axis {
	var all []axis
	for _, count := range []int{100, 1000} {
		all = append(all, axis{
			name:  fmt.Sprintf("status-%d", count),
			about: fmt.Sprintf("the list of %d processes to %d clients; raw is encoding/json over a slice of the same", count, statusClients),
			measures: []measure{
				{name: "answered", unit: "requests/s", goal: goal{ratioAtLeast, 0.9}},
				{name: "p50", unit: "ms"},
				{name: "p99", unit: "ms"},
				{name: "CPU", unit: "µs a request", growth: total},
				{name: "answer", unit: "KiB", growth: total},
			},
			scale: scale{"processes in a list", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runStatus(ctx, l, s, l.amount(count, count/20), l.amount(200_000/count, 5))
			},
		})
	}
	return all
}

func runStatus(ctx context.Context, l *lab, s side, count, requests int) (values []float64, err error) {
	var of group
	var addr string
	if s.raw() {
		h, err := help(ctx, "raw", "status", "-n", strconv.Itoa(count))
		if err != nil {
			return nil, err
		}
		defer both(&err, h.end)
		if err := h.hear(&addr); err != nil {
			return nil, err
		}
		of = h.pids()
	} else {
		d, err := l.withProcesses(ctx, s, count)
		if err != nil {
			return nil, err
		}
		defer both(&err, d.end)
		of, addr = d.pids(), d.addr
	}
	if _, err := askForStatus(ctx, addr, 1, 1); err != nil { // what is done once only
		return nil, err
	}
	before, err := of.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	a, err := askForStatus(ctx, addr, statusClients, max(requests/statusClients, 1))
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	after, err := of.cpu()
	n := float64(len(a.took))
	return []float64{
		n / took,
		percentile(a.took, 0.5),
		percentile(a.took, 0.99),
		(after - before).Seconds() * 1e6 / n,
		float64(a.bytes) / 1024 / n,
	}, err
}

// withProcesses is a daemon with so many processes of one instance each, all of
// which run.
func (l *lab) withProcesses(ctx context.Context, s side, count int) (*daemon, error) {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "[process:idle%d]\ncmd = sleep\nargs = 1000000\n", i)
	}
	path := filepath.Join(l.dir, "processes.ini")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	d, err := startDaemon(ctx, s.gafferd, path)
	if err != nil {
		return nil, err
	}
	for {
		var pids []int
		if err = d.call(ctx, "GET", "/processes?running=true", nil, &pids); err == nil && len(pids) < count {
			err = pause(ctx, 10*time.Millisecond)
		} else if err == nil {
			return d, nil
		}
		if err != nil {
			d.end()
			return nil, err
		}
	}
}

// answers are what clients got.
type answers struct {
	took  []float64 // milliseconds
	bytes int64
}

// askForStatus has so many clients ask so often.
func askForStatus(ctx context.Context, addr string, clients, requests int) (answers, error) {
	var mu sync.Mutex // guards what follows
	var sum answers
	var failed error
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			a, err := askOn(ctx, addr, requests)
			mu.Lock()
			defer mu.Unlock()
			sum.took = append(sum.took, a.took...)
			sum.bytes += a.bytes
			if err != nil {
				failed = err
			}
		})
	}
	work.Wait()
	return sum, failed
}

// askOn asks again and again over one connection.
func askOn(ctx context.Context, addr string, requests int) (a answers, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	text := request(addr, "/processes?info=true", formBytes)
	from := bufio.NewReaderSize(conn, 64<<10)
	for range requests {
		began := time.Now()
		if _, err := io.WriteString(conn, text); err != nil {
			return a, err
		}
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			return a, err
		}
		if response.StatusCode != http.StatusOK {
			return a, fmt.Errorf("the list of processes: %s", response.Status)
		}
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil {
			return a, err
		}
		a.took = append(a.took, time.Since(began).Seconds()*1e3)
		a.bytes += n
	}
	return a, nil
}
