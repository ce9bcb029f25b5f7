package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gafferd/gaffer/httpapi/client"
)

// follower copies streams to the output: one goroutine a stream, all of which
// end with the follower.
type follower struct {
	cli    *cli
	labels []string // which streams of each instance
	enter  client.StreamOptions

	ctx    context.Context // of all copies
	cancel context.CancelCauseFunc
	copies sync.WaitGroup

	prefix bool         // guarded by cli.mu: lines begin with the name of their instance
	known  map[int]bool // pids that were followed; used by the loop over events only
}

func (f *follower) begin(ctx context.Context) { f.ctx, f.cancel = context.WithCancelCause(ctx) }

// end waits for the copies and returns the first error, which may be err.
func (f *follower) end(err error) error {
	if err != nil {
		f.cancel(err)
	}
	f.copies.Wait()
	err = context.Cause(f.ctx)
	f.cancel(nil)
	return err
}

// followProcess follows all instances of a process until it is deleted.
func (f *follower) followProcess(ctx context.Context, name string) error {
	description, err := f.cli.client.Process(ctx, name)
	if err != nil {
		return err
	}
	if len(f.labels) == 0 {
		f.labels = slices.Compact(description.RedirectOutput) // a label that is there twice is one stream
	}
	if len(f.labels) == 0 {
		return fmt.Errorf("%s: its output goes nowhere: redirect_output is empty", name)
	}
	f.prefix = description.NumProcesses != nil && *description.NumProcesses > 1
	f.begin(ctx)
	return f.end(f.watch(name))
}

// watch begins a copy for each instance there is and for each that comes. It
// lists them only once the daemon is listening, so that none is overlooked.
func (f *follower) watch(name string) error {
	enter := f.enter // those that are running now; others from their beginning
	var listed error
	told := false
	options := client.WatchOptions{Since: client.Latest, Ready: func() {
		var pids []int
		if pids, listed = f.cli.client.PIDs(f.ctx, name); listed != nil {
			return
		}
		if len(pids) == 0 && !told {
			f.cli.complain(fmt.Sprintf("%s is not running; waiting for it (gafferctl why %[1]s)", name))
		}
		told = true
		for _, pid := range pids {
			f.follow(name, pid, enter)
		}
		enter = client.StreamOptions{}
	}}
	for ev, err := range f.cli.client.Watch(f.ctx, "proc/"+name, options) {
		switch {
		case err != nil:
			return err
		case client.Code(listed) == "not_found":
			return nil // it was deleted while nobody looked
		case listed != nil:
			return listed
		}
		switch strings.TrimPrefix(ev.Event, "proc."+name+".") {
		case "spawn":
			f.follow(name, ev.PID, client.StreamOptions{})
		case "delete":
			return nil
		}
	}
	return nil
}

// follow begins to copy the streams of an instance, unless that was done.
func (f *follower) follow(name string, pid int, enter client.StreamOptions) {
	if f.known[pid] {
		return
	}
	f.known[pid] = true
	title := name + "." + strconv.Itoa(pid) // when it has ended already
	if i, err := f.cli.client.Instance(f.ctx, pid); err == nil {
		title = name + "-" + strconv.Itoa(i.Index)
		if i.Index > 1 {
			f.cli.mu.Lock()
			f.prefix = true
			f.cli.mu.Unlock()
		}
	}
	for _, label := range f.labels {
		f.copy(pid, label, title, enter, func(err error) bool {
			return client.Code(err) == "not_found" || errors.Is(err, client.ErrReplaced)
		})
	}
}

// copy begins to copy one stream. An error ends all copies unless forgive says
// that it is in order.
func (f *follower) copy(pid int, label, title string, enter client.StreamOptions, forgive func(error) bool) {
	f.copies.Go(func() {
		out := &sink{follower: f, to: f.cli.stdout, title: title}
		if label == "stderr" {
			out.to = f.cli.stderr
		}
		for chunk, err := range f.cli.client.Stream(f.ctx, pid, label, enter) {
			if err == nil {
				err = out.take(chunk, label)
			}
			if err != nil {
				if !forgive(err) {
					f.cancel(err)
				}
				break
			}
		}
		if err := out.finish(); err != nil {
			f.cancel(err)
		}
	})
}
