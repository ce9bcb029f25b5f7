package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/spf13/cobra"

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

func (c *cli) logsCommand() *cobra.Command {
	var follow, stderr, times bool
	var count, since, until, grep string
	cmd := c.following("logs [-f] [-n N|all] [--since T] [--until T] [--grep RE] [--stderr] [-t] [APP|NAME|PID…]", "Show what applications have printed", 0, -1,
		c.whileRead(&follow, func(ctx context.Context, args []string) error {
			c.tellBack = true
			l := &logsReader{cli: c}
			l.wanted.Grep = grep
			match, err := regexp.Compile(grep)
			if err != nil {
				return usagef("--grep: %v", err)
			}
			if stderr {
				l.wanted.Stream = "stderr"
			}
			now := time.Now()
			if l.wanted.Since, err = parseMoment("--since", since, now); err != nil {
				return err
			}
			if l.wanted.Until, err = parseMoment("--until", until, now); err != nil {
				return err
			}
			if l.count, err = parseCount(count, follow, since != "" || until != "" || grep != ""); err != nil {
				return err
			}
			if l.all = len(args) == 0; l.all {
				l.targets, l.asked, err = c.allTargets(ctx)
			} else {
				l.targets, err = c.logTargets(ctx, args)
			}
			if err != nil {
				return err
			}
			if l.all && len(l.targets) == 0 && !follow {
				c.complain("there are no processes: add one with gafferctl add_process --start NAME CMDLINE")
				return nil
			}
			l.print = newLogPrinter(c, times, l.all || l.severalApps())
			if grep != "" {
				l.print.match = match
			}
			err = l.read(ctx, follow)
			switch {
			case follow && ctx.Err() != nil: // being interrupted is how it ends
				defer c.interrupted(ctx)
				return l.print.release()
			case err != nil:
				return err
			}
			if !follow && !l.print.some && l.tellAbsent(ctx, false) {
				return exitCode(exitFailed)
			}
			return l.print.finish()
		}))
	cmd.Long = `Show what applications have printed, line by line and in order: of an app all
instances of all its processes, of a name one process of an app (shop:web) or one
instance of it (shop:web-1), of a pid that instance alone. Several are shown as
one log. Each line begins with the name of its instance. Without an argument it is
all apps, with -f also those that come; what was run once has to be named.

Without -n the last 100 lines are shown, 10 with -f, and all that there are if
--since, --until or --grep choose from them. T is a time (2015-02-16T02:02:43Z,
or local as "2015-02-16 02:02", "02:02") or how long ago (10m, 1h30m, 7d).

With -f the log goes on until it is interrupted, also over a lost connection and a
restart of the daemon: no line is lost then, and none is shown twice. With --until
it ends at that time.`
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	f.StringVarP(&count, "lines", "n", "", "only the last `N` lines of what there is, or all")
	f.StringVar(&since, "since", "", "only what was printed since `T`")
	f.StringVar(&until, "until", "", "only what was printed before `T`")
	f.StringVar(&grep, "grep", "", "only lines that match the regular expression `RE`")
	f.BoolVar(&stderr, "stderr", false, "only what came from stderr")
	f.BoolVarP(&times, "timestamps", "t", false, "begin each line with its time")
	signed(cmd, func(_, arg string) (int, error) {
		return 0, usagef("%q: the last so many lines are -n %s", arg, arg[1:])
	})
	return c.completeEach(cmd, appsAndParts)
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

// tellAbsent tells of targets that there are not, but perhaps will be: a name may
// be mistyped. It reports whether there are such.
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

// follow shows what comes of a target: for ever, or until the instance that it
// is has ended.
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
