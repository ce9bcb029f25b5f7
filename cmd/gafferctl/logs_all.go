package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gafferd/gaffer/httpapi/client"
)

// maxApps is how many apps are shown when none is named: each that is followed
// takes a connection, of which a user may have 2,000.
const maxApps = 256

// allTargets are those of a command line that names none.
func (c *cli) allTargets(ctx context.Context) (targets []*logTarget, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	apps, _, err := c.listGroups(ctx)
	if err != nil {
		return nil, err
	}
	if len(apps) > maxApps {
		return nil, fmt.Errorf("there are %d apps, of which %d at most can be shown as one log: name those that you want; gafferctl groups lists all", len(apps), maxApps)
	}
	for _, app := range apps {
		targets = append(targets, &logTarget{app: app, unasked: true})
	}
	return targets, nil
}

// allApps follows all apps, also those that come.
type allApps struct {
	reader *logsReader
	follow func(t *logTarget, ended func()) // ended is called when nothing more comes

	mu    sync.Mutex // guards everything below
	known []string   // apps that are followed
	full  bool       // it was told that there are too many
}

// watch follows each app that comes, until ctx ends.
func (a *allApps) watch(ctx context.Context) error {
	c := a.reader.cli
	var listed error
	options := client.WatchOptions{Since: client.Latest, Ready: func() {
		var apps []string
		if apps, _, listed = c.listGroups(ctx); passing(listed) {
			listed = nil // then the events are lost too, and Ready is called again
		}
		for _, app := range apps {
			a.come(app)
		}
	}}
	for ev, err := range c.client.Watch(ctx, "create", options) {
		switch {
		case err != nil:
			return err
		case listed != nil:
			return listed
		case ev.Event != "create":
			continue // a gap: Ready has looked at what there is
		}
		app, _, _ := strings.Cut(ev.Name, ":")
		if a.knows(app) {
			continue
		}
		status, err := c.client.Status(ctx, ev.Name)
		switch {
		case client.Code(err) == "not_found", err == nil && status.Once:
		case err != nil && !passing(err): // else it is rather followed than missed
			return err
		default:
			a.come(app)
		}
	}
	return nil
}

// passing says that an error is one of a daemon that stops, or has no room.
func passing(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return errors.Is(err, client.ErrUnreachable) ||
		ok && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests)
}

func (a *allApps) knows(app string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.known, app)
}

// come follows an app from its first line, unless it is being followed.
func (a *allApps) come(app string) {
	t := &logTarget{app: app, unasked: true}
	t.options = t.narrow(a.reader.wanted)
	a.begin(t)
}

// begin follows a target, unless its app is being followed.
func (a *allApps) begin(t *logTarget) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case slices.Contains(a.known, t.app):
		return
	case len(a.known) == maxApps:
		if !a.full {
			a.full = true
			fmt.Fprintf(a.reader.cli.stderr, "gafferctl: %s is not shown, nor what comes after it: %d apps are followed already\n", t.app, maxApps)
		}
		return
	}
	a.known = append(a.known, t.app)
	a.follow(t, func() { a.end(t.app) })
}

// end forgets an app that has gone: it may come again.
func (a *allApps) end(app string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = slices.DeleteFunc(a.known, func(one string) bool { return one == app })
}
