package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gafferd/gaffer/internal/console"
	"github.com/gafferd/gaffer/manager"
)

// many is how many instances or processes make one wonder how far it is.
const many = 10

// patience is how long a few may take before one wonders.
const patience = time.Second

// often is how long a progress line stays as it is.
const often = 100 * time.Millisecond

// showStarting shows how many instances run, until all were launched.
func (f *foreground) showStarting(ctx context.Context, launched <-chan struct{}, templates []manager.Template) {
	total := 0
	for _, t := range templates {
		total += t.NumProcesses
	}
	if total < many || !f.progress {
		return
	}
	defer f.output.Status("")
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		f.output.Status(fmt.Sprintf("starting: %d of %d run", len(f.manager.Instances()), total))
		select {
		case <-tick.C:
		case <-launched:
			return
		case <-ctx.Done():
			return
		}
	}
}

// showStopping shows who is still there, until ctx ends.
func (f *foreground) showStopping(ctx context.Context) {
	if !f.progress {
		return
	}
	defer f.output.Status("")
	tick := time.NewTicker(often)
	defer tick.Stop()
	for begun := time.Now(); ; {
		if left := f.manager.Instances(); len(left) >= many || len(left) > 0 && time.Since(begun) > patience {
			f.output.Status(waitingFor(left))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// waitingFor tells how many instances are left, and as many names as fit.
func waitingFor(left []manager.Instance) string {
	names := make([]string, len(left))
	for i, instance := range left {
		names[i] = fmt.Sprintf("%s.%d", instance.Name, instance.Index)
	}
	return fmt.Sprintf("stopping: %d left: %s", len(left), strings.Join(names, " "))
}

// counter is a progress line for requests to a daemon.
type counter struct {
	w     io.Writer // nil: nobody looks, or there are only few
	verb  string
	total int
	done  int
}

func (c *cli) counter(verb string, total int) *counter {
	count := &counter{verb: verb, total: total}
	if total >= many && console.Redraws(c.stderr) {
		count.w = c.stderr
	}
	count.show()
	return count
}

func (p *counter) show() {
	if p.w != nil && p.done < p.total {
		fmt.Fprintf(p.w, "\r\x1b[K%s: %d of %d", p.verb, p.done, p.total)
	}
}

// step counts one more, and has say print its line where it stays.
func (p *counter) step(say func()) {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	say()
	p.done++
	p.show()
}
