package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestNothingPilesUp kills the worker again and again while processes of all kinds
// come and go. When all are gone, keeper and worker have the descriptors that
// they had in the beginning, with those of memory among them.
func TestNothingPilesUp(t *testing.T) {
	times := 5
	if os.Getenv("GAFFER_TORTURE") != "" {
		times = 60
	}
	for name, args := range map[string][]string{
		"InMemory": nil,
		"OnDisk":   {"--state-dir", filepath.Join(t.TempDir(), "state")},
	} {
		t.Run(name, func(t *testing.T) {
			atOnce(t)
			d := start(t, args...)
			d.replaceWorker() // each but the first takes something over
			var before map[string]int
			waitFor(t, "the worker has handed over what it does", func() bool {
				last := before
				before = d.descriptors()                               // of some that are replaced meanwhile, it sees neither
				const config = "keeper /memfd:gaffer-config (deleted)" // comes last, when it answers already
				return before[config] == 1 && maps.Equal(before, last)
			})
			ctx, cancel := context.WithCancel(context.Background())
			var work sync.WaitGroup
			for i := range 2 {
				work.Go(func() { d.comeAndGo(ctx, fmt.Sprint("web", i)) })
				work.Go(func() { d.runOften(ctx) })
				work.Go(func() { d.detachOften(ctx, fmt.Sprint("left", i)) })
			}
			for range times {
				// The moment is to be any, after a second in which the daemon would wait for
				// longer and longer before the next worker.
				<-time.After(time.Second + rand.N(300*time.Millisecond))
				d.replaceWorker()
			}
			cancel()
			work.Wait()
			var left []string
			for d.get("/processes", &left); len(left) > 0; d.get("/processes", &left) {
				for _, name := range left {
					d.do("DELETE", "/processes/"+name+"?wait=true", "")
				}
			}
			waitFor(t, "no process is left", func() bool { return len(marked("E2E_MARK="+d.mark)) == 2 })
			d.hasAgain(before)
			d.replaceWorker() // what it takes over is no more than that
			d.hasAgain(before)
		})
	}
}

// replaceWorker kills the worker and returns when another one answers.
func (d *daemon) replaceWorker() {
	d.t.Helper()
	before := 0
	waitFor(d.t, "there is a worker", func() bool { before = d.worker(); return before != 0 })
	_ = syscall.Kill(before, syscall.SIGKILL)
	waitFor(d.t, "another worker answers", func() bool {
		if now := d.worker(); now == 0 || now == before {
			return false
		}
		_, err := d.try("GET", "/ping", nil)
		return err == nil
	})
}

// comeAndGo has a process with all kinds of streams, and no number of instances
// for long.
func (d *daemon) comeAndGo(ctx context.Context, name string) {
	body := describeProcess(name, script("echo out; echo err >&2; echo three >&3; exec sleep 1000", properties{
		"numprocesses": 2, "redirect_input": true, "custom_streams": []string{"more"},
	}))
	for ctx.Err() == nil {
		_, _ = d.try("POST", "/processes?wait=true", strings.NewReader(body))
		for range 4 {
			_, _ = d.try("POST", fmt.Sprintf("/processes/%s/_scale/%d", name, rand.IntN(4)), nil)
			_, _ = d.try("POST", "/processes/"+name+"/_restart", nil)
		}
		_, _ = d.try("DELETE", "/processes/"+name, nil)
	}
}

// runOften runs something once, again and again.
func (d *daemon) runOften(ctx context.Context) {
	for ctx.Err() == nil {
		_, _ = d.try("POST", "/run", strings.NewReader(`{"cmd": "sh -c 'echo once; exec sleep 1'", "redirect_input": true}`))
		<-time.After(rand.N(200 * time.Millisecond)) // a few are enough
	}
}

// detachOften starts something that is on its own from then on.
func (d *daemon) detachOften(ctx context.Context, name string) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprint(name, "-", n)
		_, _ = d.try("POST", "/processes", strings.NewReader(describeProcess(name, properties{"cmd": "sleep 0.1", "detach": true})))
		if n%2 == 0 {
			_, _ = d.try("DELETE", "/processes/"+name, nil)
		}
		<-time.After(rand.N(200 * time.Millisecond)) // a few are enough
	}
}

// descriptors counts those of keeper and worker by what they are.
func (d *daemon) descriptors() map[string]int {
	counts := make(map[string]int)
	for who, pid := range map[string]int{"keeper": d.cmd.Process.Pid, "worker": d.worker()} {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, file := range files {
			if what, err := os.Readlink(file); err == nil {
				counts[who+" "+inodes.ReplaceAllString(what, "")]++
			}
		}
	}
	return counts
}

// inodes are the parts of what a descriptor is that are never the same.
var inodes = regexp.MustCompile(`\[?\d+\]?`)

// hasAgain waits until the daemon has no descriptors that it had not before.
func (d *daemon) hasAgain(before map[string]int) {
	d.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	var more []string
	for end := time.Now().Add(limit / 4); ; <-time.After(10 * time.Millisecond) {
		more = nil
		for what, n := range d.descriptors() {
			if n > before[what] {
				more = append(more, fmt.Sprintf("%s: %d descriptors, and %d before", what, n, before[what]))
			}
		}
		if len(more) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, what := range more {
		d.t.Error(what)
	}
}
