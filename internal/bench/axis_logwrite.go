package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// logWriteAxes are fan-outs with a state directory, beside the same daemon
// without one: what writing the log takes away.
func logWriteAxes() []axis {
	var all []axis
	for _, f := range []fanout{{1, 100, 64 << 20, continuous}, {10, 100, 48 << 20, continuous}} {
		all = append(all, axis{
			name:  fmt.Sprintf("logs-write-%d", f.subscribers),
			about: fmt.Sprintf("fanout-100b-%d with the log on disk, beside gafferd without", f.subscribers),
			measures: append(fanoutMeasures(goal{ratioAtLeast, 0.75}, goal{}),
				measure{name: "not logged", unit: "bytes", goal: goal{kind: never}}),
			scale: scale{"subscribers of logs-write", float64(f.subscribers)},
			run:   f.runLogged,
		})
	}
	return all
}

func (f fanout) runLogged(ctx context.Context, l *lab, s side) ([]float64, error) {
	f = f.in(l)
	gate, err := l.gate()
	if err != nil {
		return nil, err
	}
	if s.raw() {
		r, err := f.runDaemon(ctx, side{gafferd: l.gafferd}, gate)
		return append(f.values(r), 0), err
	}
	state, err := os.MkdirTemp(l.dir, "state-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(state)
	r, err := f.runDaemon(ctx, s, gate, "--state-dir", state)
	if err != nil {
		return nil, err
	}
	missing, err := notLogged(filepath.Join(state, "logs"))
	return append(f.values(r), float64(missing)), err
}

// gap is what stands in a log in the place of what it lacks.
var gap = regexp.MustCompile(`(?m)^\S+ std\S+ F gaffer: (\d+) bytes of std(?:out|err) were not logged$`)

// notLogged is how many bytes the logs in a folder lack.
func notLogged(dir string) (missing int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("were not logged")) {
			return err
		}
		for _, m := range gap.FindAllSubmatch(text, -1) {
			n, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil {
				return err
			}
			missing += n
		}
		return nil
	})
	return missing, err
}
