package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// idleAxes are what a daemon does whose children do nothing.
func idleAxes() []axis {
	var all []axis
	for _, count := range []int{100, 1000} {
		limit := goal{}
		if count == 100 {
			limit = goal{valueAtMost, 0.1}
		}
		all = append(all, axis{
			name:     fmt.Sprintf("idle-%d", count),
			about:    fmt.Sprintf("10 s with %d quiet children", count),
			maxPairs: 3,
			measures: []measure{
				{name: "CPU", unit: "% of a core", goal: limit, growth: total},
				{name: "woken up", unit: "times a second", growth: total},
			},
			scale: scale{"quiet children", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				return runIdle(ctx, l, s, l.amount(count, count/20))
			},
		})
	}
	return all
}

func runIdle(ctx context.Context, l *lab, s side, count int) (values []float64, err error) {
	c, err := newChildren(ctx, s, bareIdle)
	if err != nil {
		return nil, err
	}
	defer both(&err, c.end)
	if err := c.start(ctx, count); err != nil {
		return nil, err
	}
	lasts := 10 * time.Second
	if l.quick {
		lasts /= 20
	}
	if err := pause(ctx, lasts/3); err != nil { // what follows a start
		return nil, err
	}
	cpu, err := c.pids().cpu()
	if err != nil {
		return nil, err
	}
	woken, err := c.pids().wakeUps()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause(ctx, lasts); err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	cpuThen, err := c.pids().cpu()
	if err != nil {
		return nil, err
	}
	wokenThen, err := c.pids().wakeUps()
	return []float64{(cpuThen - cpu).Seconds() / took * 100, float64(wokenThen-woken) / took}, err
}

// bootAxes are how a daemon is that has just been started.
func bootAxes() []axis {
	return []axis{{
		name:  "boot",
		about: "from the program's start to its first answer; raw is a bare net/http server",
		measures: []measure{
			{name: "answered", unit: "ms", goal: goal{valueAtMost, 30}},
			{name: "CPU", unit: "ms"},
			{name: "memory at rest", unit: "MiB", goal: goal{valueAtMost, 25}},
			{name: "program", unit: "MiB", goal: goal{valueAtMost, 25}},
		},
		run: runBoot,
	}}
}

func runBoot(ctx context.Context, _ *lab, s side) (values []float64, err error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	program := s.gafferd
	cmd := exec.Command(program, "--bind", addr)
	if s.raw() {
		if program, err = self(); err != nil {
			return nil, err
		}
		cmd = exec.Command(program, "raw", "status", "-addr", addr)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		defer stdin.Close()
	}
	cmd.SysProcAttr = dieWithUs()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait() // whether it ends well is not what is measured
	}()
	if err := firstAnswer(ctx, addr); err != nil {
		return nil, err
	}
	answered := time.Since(began)
	of, err := pairOf(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	cpu, err := of.cpu()
	if err != nil {
		return nil, err
	}
	m, err := of.settled(ctx)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(program)
	if err != nil {
		return nil, err
	}
	return []float64{
		answered.Seconds() * 1e3,
		cpu.Seconds() * 1e3,
		float64(m.all()) / (1 << 20),
		float64(file.Size()) / (1 << 20),
	}, nil
}

// freeAddr is an address on which nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// firstAnswer asks until it is answered.
func firstAnswer(ctx context.Context, addr string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		response, err := client.Get("http://" + addr + "/ping")
		if err == nil {
			return response.Body.Close()
		}
		if err := pause(ctx, 500*time.Microsecond); err != nil {
			return err
		}
	}
}
