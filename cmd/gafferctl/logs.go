package main

import (
	"context"
	"regexp"
	"time"

	"github.com/spf13/cobra"
)

// logsFlags are what the flags of the logs command say.
type logsFlags struct {
	follow, stderr, times     bool
	count, since, until, grep string
}

func (c *cli) logsCommand() *cobra.Command {
	var o logsFlags
	cmd := c.following("logs [-f] [-n N|all] [--since T] [--until T] [--grep RE] [--stderr] [-t] [APP|NAME|PID…]", "Show what applications have printed", 0, -1,
		c.whileRead(&o.follow, func(ctx context.Context, args []string) error { return c.showLogs(ctx, args, o) }))
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
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what comes")
	f.StringVarP(&o.count, "lines", "n", "", "only the last `N` lines of what there is, or all")
	f.StringVar(&o.since, "since", "", "only what was printed since `T`")
	f.StringVar(&o.until, "until", "", "only what was printed before `T`")
	f.StringVar(&o.grep, "grep", "", "only lines that match the regular expression `RE`")
	f.BoolVar(&o.stderr, "stderr", false, "only what came from stderr")
	f.BoolVarP(&o.times, "timestamps", "t", false, "begin each line with its time")
	signed(cmd, func(_, arg string) (int, error) {
		return 0, usagef("%q: the last so many lines are -n %s", arg, arg[1:])
	})
	return c.completeEach(cmd, appsAndParts)
}

// showLogs is the logs command.
func (c *cli) showLogs(ctx context.Context, args []string, o logsFlags) error {
	c.tellBack = true
	l, match, err := c.newLogsReader(o)
	if err != nil {
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
	if l.all && len(l.targets) == 0 && !o.follow {
		c.complain("there are no processes: add one with gafferctl add_process --start NAME CMDLINE")
		return nil
	}
	l.print = newLogPrinter(c, o.times, l.all || l.severalApps())
	l.print.match = match
	err = l.read(ctx, o.follow)
	switch {
	case o.follow && ctx.Err() != nil: // being interrupted is how it ends
		defer c.interrupted(ctx)
		return l.print.release()
	case err != nil:
		return err
	}
	if !o.follow && !l.print.some && l.tellAbsent(ctx, false) {
		return exitCode(exitFailed)
	}
	return l.print.finish()
}

// newLogsReader is a reader that wants what the flags say, and has no targets yet. match
// is what is to stand out in its lines; nil: nothing.
func (c *cli) newLogsReader(o logsFlags) (l *logsReader, match *regexp.Regexp, err error) {
	l = &logsReader{cli: c}
	if o.grep != "" {
		if match, err = regexp.Compile(o.grep); err != nil {
			return nil, nil, usagef("--grep: %v", err)
		}
	}
	l.wanted.Grep = o.grep
	if o.stderr {
		l.wanted.Stream = "stderr"
	}
	now := time.Now()
	if l.wanted.Since, err = parseMoment("--since", o.since, now); err != nil {
		return nil, nil, err
	}
	if l.wanted.Until, err = parseMoment("--until", o.until, now); err != nil {
		return nil, nil, err
	}
	chosen := o.since != "" || o.until != "" || o.grep != ""
	if l.count, err = parseCount(o.count, o.follow, chosen); err != nil {
		return nil, nil, err
	}
	return l, match, nil
}
