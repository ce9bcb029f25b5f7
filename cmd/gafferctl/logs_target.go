package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// logTarget is one argument of the logs command: an app or a part of one.
type logTarget struct {
	app     string
	filter  string    // a process of it, or one instance; "": all
	process string    // of pid
	pid     int       // only this instance; 0: any
	started time.Time // of pid, or of an app that came
	ended   bool      // nothing more will come
	unasked bool      // it was not named, and may go

	options client.LogOptions // how to go on from here
}

func (c *cli) logTargets(ctx context.Context, args []string) (targets []*logTarget, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, arg := range args {
		if arg == "" {
			return nil, usagef("\"\" is no name: without an argument it is all apps")
		}
		var t *logTarget
		if pid, ok := isPID(arg); ok {
			t, err = c.instanceTarget(ctx, pid)
		} else {
			t, err = c.namedTarget(ctx, arg)
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// namedTarget is an app, or one process or instance of an app.
func (c *cli) namedTarget(ctx context.Context, name string) (*logTarget, error) {
	app, part, ok := strings.Cut(name, ":")
	if ok {
		return &logTarget{app: app, filter: part}, nil
	}
	for _, err := range c.client.Logs(ctx, name, client.LogOptions{N: 1}) {
		cut := strings.LastIndexByte(name, '-')
		if client.Code(err) == "not_found" && cut > 0 {
			if _, numbered := isPID(name[cut+1:]); numbered {
				return &logTarget{app: name[:cut], filter: name}, nil // web-1: an instance of web
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return &logTarget{app: name}, nil
}

// instanceTarget is an instance that runs, or one that has ended and is
// remembered.
func (c *cli) instanceTarget(ctx context.Context, pid int) (*logTarget, error) {
	i, running := c.client.Instance(ctx, pid)
	if running == nil {
		t := pidTarget(pid, i.Name, i.StartedAt)
		t.filter += "-" + strconv.Itoa(i.Index)
		return t, nil
	}
	if client.Code(running) != "not_found" {
		return nil, running
	}
	all, err := c.client.Processes(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		exits, err := c.client.Exits(ctx, name)
		if err != nil && client.Code(err) != "not_found" {
			return nil, err
		}
		for _, e := range exits {
			if e.PID == pid {
				t := pidTarget(pid, name, e.StartedAt)
				t.ended = true
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: it does not run, and its end is not among those that are remembered", running)
}

// absent reports whether there is nothing now that a part of an app names, among
// the names of all processes. It may come yet.
func (t *logTarget) absent(names []string) bool {
	ofApp := func(name string) bool { return name == t.app || strings.HasPrefix(name, t.app+":") }
	if t.filter == "" || t.pid > 0 || !slices.ContainsFunc(names, ofApp) {
		return false // if there is not even the app, that is an error
	}
	part := t.filter
	if cut := strings.LastIndexByte(part, '-'); cut > 0 {
		if _, numbered := isPID(part[cut+1:]); numbered && !slices.Contains(names, t.app+":"+part) {
			part = part[:cut] // an instance
		}
	}
	return !slices.Contains(names, t.app+":"+part) && part != t.app
}

func pidTarget(pid int, process string, started time.Time) *logTarget {
	app, part, ok := strings.Cut(process, ":")
	if !ok {
		part = app
	}
	return &logTarget{app: app, filter: part, process: process, pid: pid, started: started}
}

// narrow makes what is wanted of all what is wanted of t.
func (t *logTarget) narrow(o client.LogOptions) client.LogOptions {
	if t.filter != "" {
		o.Filter = []string{t.filter}
	}
	if o.Since.Before(t.started) {
		o.Since = t.started
	}
	return o
}

// goOnBehind has t begin where another target of its app has ended, if that has shown
// anything: what it has shown may be newer than the beginning of t.
func (t *logTarget) goOnBehind(other *logTarget) {
	if other.options.Cursor != "" {
		t.options.Cursor = other.options.Cursor
	}
}

// gone reports whether an error says that an app that nobody has named is gone.
func (t *logTarget) gone(err error) bool { return t.unasked && client.Code(err) == "not_found" }

// takes notes where the log is, and says whether line is of the target.
func (t *logTarget) takes(line *client.LogLine) bool {
	if line.Cursor != "" {
		t.options.Cursor = line.Cursor
	}
	return t.pid == 0 || line.PID == t.pid || line.PID == 0
}
