package process

import (
	"context"
	"errors"
	"os"
	"os/user"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestStats(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		s := shell("sh -c 'sleep 1000 & echo up; wait' & (setsid sleep 2000 &); wait; sleep 1000")
		p := run(t, s, Options{Launcher: l})
		saying(t, p, "stdout", "up")
		var stats Stats
		// The sleep that has lost its parent is the leader's, the other its parent's.
		poll(t, "all to be seen where they belong", func() bool {
			var err error
			if stats, err = p.Stats(t.Context()); err != nil {
				t.Fatal(err)
			}
			return tree(stats) == "sh(sh(sleep 1000) sleep 2000)"
		})
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the nice value
		if err != nil {
			t.Fatal(err)
		}
		if stats.PID != p.OSPid() || stats.Username != me.Username || int(stats.Nice) != 20-priority || stats.NumThreads != 1 ||
			stats.NumFDs < 3 || stats.RSS == 0 || stats.VMS < stats.RSS || stats.Mem <= 0 || len(stats.Unreadable) > 0 {
			t.Errorf("got %+v", stats)
		}
		p.Kill("")
		end(t, p)
		if _, err := p.Stats(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// tree shows who has whom below, by what was run.
func tree(s Stats) string {
	name, _, _ := strings.Cut(s.Cmdline, " -c")
	if len(s.Children) == 0 {
		return name
	}
	below := make([]string, len(s.Children))
	for i, child := range s.Children {
		below[i] = tree(child)
	}
	slices.Sort(below)
	return name + "(" + strings.Join(below, " ") + ")"
}

func TestStatsOfABusyProcess(t *testing.T) {
	p := run(t, program("spin"), Options{})
	saying(t, p, "stdout", "up")
	var stats Stats
	poll(t, "CPU to be used", func() bool {
		var err error
		if stats, err = p.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
		return stats.CPUSeconds >= 0.2
	})
	poll(t, "the share since the last look", func() bool {
		stats, _ = p.Stats(t.Context())
		return stats.CPU > 5
	})
	if !strings.HasPrefix(stats.Cmdline, os.Args[0]) {
		t.Errorf("got %+v", stats)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestCPUShareIsSinceTheSampleBefore(t *testing.T) {
	now := time.Now()
	created := now.Add(-100 * time.Second)
	for about, test := range map[string]struct {
		before map[int]sample
		want   float64
	}{
		"no sample":          {nil, 10},
		"of the same":        {map[int]sample{1: {created, now.Add(-10 * time.Second), 5}}, 50},
		"of one before it":   {map[int]sample{1: {created.Add(-time.Second), now.Add(-10 * time.Second), 5}}, 10},
		"counted backwards":  {map[int]sample{1: {created, now.Add(-10 * time.Second), 500}}, 0},
		"of another process": {map[int]sample{2: {created, now.Add(-10 * time.Second), 5}}, 10},
	} {
		s := survey{before: test.before, now: make(map[int]sample)}
		stats := Stats{PID: 1, CTime: created, CPUSeconds: 10}
		s.charge(&stats)
		if stats.CPU < test.want*0.9 || stats.CPU > test.want+0.1 {
			t.Errorf("%s: got %v, want %v", about, stats.CPU, test.want)
		}
	}
}
