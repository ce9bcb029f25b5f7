package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// maxApps is how many apps are shown when none is named: each that is followed
// takes a connection, of which a user may have 2,000.
const maxApps = 256

// allTargets are those of a command line that names none. asked is when that was,
// by the daemon's clock.
func (c *cli) allTargets(ctx context.Context) (targets []*logTarget, asked time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if asked, err = c.client.Clock(ctx); err != nil {
		return nil, asked, err
	}
	apps, _, err := listGroups(ctx, c.client)
	if err != nil {
		return nil, asked, err
	}
	if len(apps) > maxApps {
		return nil, asked, fmt.Errorf("there are %d apps, of which %d at most can be shown as one log: name those that you want; gafferctl groups lists all", len(apps), maxApps)
	}
	for _, app := range apps {
		targets = append(targets, &logTarget{app: app, unasked: true})
	}
	return targets, asked, nil
}

// allApps follows all apps, also those that come.
type allApps struct {
	reader *logsReader
	follow func(t *logTarget, ended func()) // ended is called when nothing more comes
	since  time.Time                        // all that came until then are known; by the daemon's clock

	mu    sync.Mutex            // guards everything below
	known map[string]*logTarget // apps that are followed, and how to go on with those that came once more
	gone  []*logTarget          // the last that were followed, each where it ended
	full  bool                  // it was told that there are too many
}

// errOver ends the looking for apps that come: nothing of theirs would be wanted.
var errOver = errors.New("the time until which lines are wanted has come")

// watchUntil is watch, and ends without an error at a time by the daemon's clock,
// unless that is zero.
func (a *allApps) watchUntil(ctx context.Context, until time.Time) error {
	if until.IsZero() {
		return a.watch(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, until.Sub(a.since), errOver)
	defer cancel()
	if err := a.watch(ctx); !errors.Is(err, errOver) {
		return err
	}
	return nil
}

// watch follows each app that comes, until ctx ends.
func (a *allApps) watch(ctx context.Context) error {
	c := a.reader.cli
	var listed error
	options := client.WatchOptions{Since: client.Latest, Ready: func() {
		var now time.Time
		var apps []string
		if now, listed = c.client.Clock(ctx); listed == nil {
			apps, _, listed = listGroups(ctx, c.client)
		}
		if passing(listed) {
			listed = nil // then the events are lost too, and Ready is called again
			return
		}
		for _, app := range apps {
			a.come(app, a.since)
		}
		a.since = now
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
		a.since = ev.Time
		app, _, _ := strings.Cut(ev.Name, ":")
		if a.knows(app) {
			a.come(app, ev.Time)
			continue
		}
		status, err := c.client.Status(ctx, ev.Name)
		switch {
		case client.Code(err) == "not_found", err == nil && status.Once:
		case err != nil && !passing(err): // else it is rather followed than missed
			return err
		default:
			a.come(app, ev.Time)
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
	_, known := a.known[app]
	return known
}

// come follows an app that was not there before since, from its first line: what an
// earlier one of its name printed may still be on disk.
func (a *allApps) come(app string, since time.Time) {
	t := &logTarget{app: app, unasked: true, started: since}
	t.options = t.narrow(a.reader.wanted)
	a.begin(t)
}

// begin follows a target. If its app is being followed, that may be about to end,
// because the app was gone for a moment: then it goes on with the target.
func (a *allApps) begin(t *logTarget) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next, known := a.known[t.app]
	switch {
	case known && next == nil:
		a.known[t.app] = t
		return
	case known:
		return
	case len(a.known) == maxApps:
		if !a.full {
			a.full = true
			fmt.Fprintf(a.reader.cli.stderr, "gafferctl: %s is not shown, nor what comes after it: %d apps are followed already\n", t.app, maxApps)
		}
		return
	}
	if i := slices.IndexFunc(a.gone, func(g *logTarget) bool { return g.app == t.app }); i >= 0 {
		t.goOnBehind(a.gone[i])
		a.gone = slices.Delete(a.gone, i, i+1)
	}
	if a.known == nil {
		a.known = map[string]*logTarget{}
	}
	a.known[t.app] = nil
	a.follow(t, func() { a.end(t) })
}

// end forgets an app that has gone, unless it has come again meanwhile.
func (a *allApps) end(t *logTarget) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next := a.known[t.app]; next != nil {
		next.goOnBehind(t)
		a.known[t.app] = nil
		a.follow(next, func() { a.end(next) })
		return
	}
	delete(a.known, t.app)
	if len(a.gone) == maxApps {
		a.gone = slices.Delete(a.gone, 0, 1)
	}
	a.gone = append(a.gone, t)
}
