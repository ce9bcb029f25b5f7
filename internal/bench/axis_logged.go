package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// loggedAxes are many children that say a line a second, with their logs on
// disk. Each is a tail of one file, which is the smallest program at hand that
// does so.
func loggedAxes() []axis {
	var all []axis
	for _, count := range []int{500, 5000} {
		cpu, memory := goal{}, goal{}
		if count == 5000 {
			cpu, memory = goal{valueAtMost, 60}, goal{valueAtMost, 25}
		}
		all = append(all, axis{
			name:     fmt.Sprintf("logged-%d", count),
			about:    fmt.Sprintf("%d children with a line a second each, logged to disk", count),
			maxPairs: 3,
			measures: []measure{
				{name: "CPU", unit: "% of a core", goal: cpu, growth: total},
				{name: "memory", unit: "KiB a child", goal: memory, growth: each},
				{name: "not logged", unit: "lines", goal: goal{kind: never}},
			},
			scale: scale{"logged children", float64(count)},
			run: func(ctx context.Context, l *lab, s side) ([]float64, error) {
				if s.raw() {
					return []float64{unknown, unknown, unknown}, nil
				}
				return runLogged(ctx, l, s, l.amount(count, count/50), l.amount(10, 2))
			},
		})
	}
	return all
}

// saidLine is what the children of loggedAxes say.
const saidLine = "a line of about as many bytes as a web server writes for a request\n"

func runLogged(ctx context.Context, l *lab, s side, count, lines int) (values []float64, err error) {
	every := l.span(time.Second) // a child's lines, and its looks at the file
	dir, err := os.MkdirTemp(l.dir, "logged-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	said, err := os.OpenFile(filepath.Join(dir, "said"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	state := filepath.Join(dir, "state")
	d, err := startDaemon(ctx, s.gafferd, "--state-dir", state)
	if err != nil {
		return nil, err
	}
	defer both(&err, d.end)
	before, err := d.pids().settled(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.run(ctx, description{
		"name": "tail", "cmd": "tail", "args": []string{"-n", "+1", "-s", fmt.Sprint(every.Seconds()), "---disable-inotify", "-f", said.Name()},
		"numprocesses": count, "redirect_output": []string{"stdout"},
	}); err != nil {
		return nil, err
	}
	speak := func(lines int) error {
		for range lines {
			if _, err := said.WriteString(saidLine); err != nil {
				return err
			}
			if err := pause(ctx, every); err != nil {
				return err
			}
		}
		return nil
	}
	logs := filepath.Join(state, "logs")
	if err := speak(2); err != nil { // until all are at it
		return nil, err
	}
	if missing, err := awaitLines(ctx, logs, 2*count, 3*every); err != nil || missing > 0 {
		return nil, cmp.Or(err, fmt.Errorf("%d of the first %d lines are not logged", missing, 2*count))
	}
	cpu, err := d.pids().cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := speak(lines); err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	after, err := d.pids().memory()
	if err != nil {
		return nil, err
	}
	cpuThen, err := d.pids().cpu()
	if err != nil {
		return nil, err
	}
	missing, err := awaitLines(ctx, logs, count*(lines+2), 3*every)
	return []float64{
		(cpuThen - cpu).Seconds() / took * 100,
		float64(after.all()-before.all()) / 1024 / float64(count),
		float64(missing),
	}, err
}

// awaitLines waits until so many lines are in the logs of a folder, or no more
// come in a while, and returns how many are missing.
func awaitLines(ctx context.Context, dir string, due int, quiet time.Duration) (missing int, err error) {
	before := -1
	for {
		logged := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".log" {
				return err
			}
			text, err := os.ReadFile(path)
			logged += bytes.Count(text, []byte(saidLine))
			return err
		})
		if err != nil || logged >= due || logged == before {
			return due - logged, err
		}
		before = logged
		if err := pause(ctx, quiet); err != nil {
			return 0, err
		}
	}
}
