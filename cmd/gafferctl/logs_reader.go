package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/nearest"
)

// logsReader is one run of the logs command.
type logsReader struct {
	cli     *cli
	targets []*logTarget
	wanted  client.LogOptions // of all targets
	count   int               // how many lines of the history: as client.LogOptions.N
	all     bool              // targets are all apps, and others may come
	asked   time.Time         // likewise: when those were all, by the daemon's clock
	print   *logPrinter
}

// severalApps says whether an instance's name alone does not tell whose it is.
func (l *logsReader) severalApps() bool {
	for _, t := range l.targets {
		if t.app != l.targets[0].app {
			return true
		}
	}
	return false
}

// read shows the history, and what follows it. A single log that is followed
// needs no history of its own: it begins with it.
func (l *logsReader) read(ctx context.Context, follow bool) error {
	for _, t := range l.targets {
		t.options = t.narrow(l.wanted)
		t.options.N = l.count
	}
	if follow {
		l.tellAbsent(ctx, true)
	}
	if !follow || l.count != client.None && (len(l.targets) != 1 || l.targets[0].ended) {
		if err := l.history(ctx); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var following sync.WaitGroup
	begin := func(t *logTarget, ended func()) {
		following.Go(func() {
			if err := l.follow(ctx, t); err != nil {
				cancel(err)
			}
			ended()
		})
	}
	a := &allApps{reader: l, follow: begin, since: l.asked}
	for _, t := range l.targets {
		switch {
		case l.all:
			a.begin(t)
		case !t.ended:
			begin(t, func() {})
		}
	}
	if l.all {
		following.Go(func() {
			if err := a.watchUntil(ctx, l.wanted.Until); err != nil {
				cancel(err)
			}
		})
	}
	following.Wait()
	return context.Cause(ctx)
}

// tellAbsent tells of targets that do not exist, but perhaps will: a name may be
// mistyped. It reports whether there are such.
func (l *logsReader) tellAbsent(ctx context.Context, waiting bool) (some bool) {
	if l.all {
		if len(l.targets) == 0 {
			fmt.Fprintln(l.cli.stderr, "gafferctl: there are no processes yet; waiting for one")
		}
		return len(l.targets) == 0
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	names, err := l.cli.client.Processes(ctx)
	if err != nil {
		return false // it tells of itself when the logs are asked for
	}
	for _, t := range l.targets {
		if !t.absent(names) {
			continue
		}
		some = true
		if waiting {
			fmt.Fprintf(l.cli.stderr, "gafferctl: there is no process %s:%s yet; waiting for it (gafferctl processes lists those that there are)\n", t.app, t.filter)
		} else {
			l.cli.complain(fmt.Sprintf("there is no process %s:%s", t.app, t.filter) + nearest.Hint(t.app+":"+t.filter, names))
		}
	}
	return some
}

// errExited ends the following of an instance that has ended.
var errExited = errors.New("the instance has ended")

// follow shows what comes of a target: for ever, or if it is an instance until that has
// ended.
func (l *logsReader) follow(ctx context.Context, t *logTarget) error {
	inner, stop := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer stop(nil)
	if t.pid > 0 {
		waiting.Go(func() {
			_, err := l.cli.client.WaitExit(inner, t.process, t.pid)
			if err == nil || errors.Is(err, client.ErrReplaced) {
				err = errExited
			}
			stop(err)
		})
	}
	err := l.copy(inner, t, true)
	if errors.Is(err, errExited) {
		return l.copy(ctx, t, false) // what was on its way still
	}
	return err
}

// copy shows the log of a target from where it was seen last.
func (l *logsReader) copy(ctx context.Context, t *logTarget, follow bool) error {
	o := t.options
	o.Follow, o.Ends, o.Ready = follow, t.unasked, l.cli.back
	for line, err := range l.cli.client.Logs(ctx, t.app, o) {
		if t.gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.takes(&line) {
			if err := l.print.line(t.app, &line); err != nil {
				return err
			}
		}
	}
	return nil
}
