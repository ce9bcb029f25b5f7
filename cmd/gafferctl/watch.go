package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
)

// events are all that can be watched by itself.
var events = []string{
	"create", "start", "stop", "restart", "update", "delete", "spawn", "reap", "exit", "stop_pid", "flap",
	"log_failed", "log_resumed", "keep_failed", "read_failed", "worker", "audit",
}

func (c *cli) watchCommand() *cobra.Command {
	var heartbeat string
	var colorize bool
	cmd := c.following("watch [--heartbeat[=SECONDS]] [--colorize] [A.B.C]", "Follow what happens", 0, 1,
		c.whileRead(nil, func(ctx context.Context, args []string) error {
			c.tellBack = true
			o := client.WatchOptions{Since: client.Latest, Ready: c.back}
			switch heartbeat {
			case "":
			case "true":
				o.Heartbeat = time.Minute
			default:
				seconds, err := strconv.ParseFloat(heartbeat, 64)
				if err != nil || !(seconds >= 0.1 && seconds < 1e6) {
					return usagef("--heartbeat %q: want a number of seconds, 0.1 at least", heartbeat)
				}
				o.Heartbeat = time.Duration(seconds * float64(time.Second))
			}
			pattern := ""
			if len(args) == 1 {
				pattern = watchPattern(args[0])
			}
			c.tellUnknown(ctx, pattern)
			return c.watch(ctx, pattern, o, colorize || colored(c.stdout))
		}))
	cmd.Long = "Follow what happens, until it is interrupted.\n\n" +
		"A.B.C picks events: exit, all of a process with proc.NAME, one kind of one process\n" +
		"with proc.NAME.exit. What is about no process is gafferd's. The events are\n" +
		strings.Join(events[:11], ", ") + ",\n" +
		strings.Join(events[11:], ", ") + ". An audit is a request;\n" +
		"they are shown only when they are asked for."
	cmdline.Optional(cmd, &heartbeat, "heartbeat", "SECONDS", "have the daemon keep an idle connection alive every so many seconds (60)")
	cmd.Flags().BoolVar(&colorize, "colorize", false, "use colours even if the output is not a terminal")
	return c.complete(cmd, func(ctx context.Context, c *client.Client) ([]string, error) {
		all, err := names(ctx, c)
		patterns := slices.Clone(events)
		for _, name := range all {
			patterns = append(patterns, "proc."+name)
		}
		return patterns, err
	})
}

// watchPattern turns A.B.C into the parts of a path. The name of a process may
// have dots in it, so only the first and the last part are told apart.
func watchPattern(dotted string) string {
	rest, ok := strings.CutPrefix(dotted, "proc.")
	if !ok {
		return strings.Trim(dotted, ".") // "." is everything
	}
	if i := strings.LastIndexByte(rest, '.'); i > 0 && slices.Contains(events, rest[i+1:]) {
		return "proc/" + rest[:i] + "/" + rest[i+1:]
	}
	return "proc/" + rest
}

// tellUnknown tells that there is no process that a pattern is about: it may be
// mistyped.
func (c *cli) tellUnknown(ctx context.Context, pattern string) {
	name, ok := strings.CutPrefix(pattern, "proc/")
	if !ok || name == "" {
		return
	}
	name, _, _ = strings.Cut(name, "/")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	names, err := c.client.Processes(ctx)
	if err == nil && !slices.Contains(names, name) { // an error tells of itself when the events are asked for
		fmt.Fprintf(c.stderr, "gafferctl: there is no process %s yet; waiting for it (gafferctl processes lists those that there are)\n", name)
	}
}

func (c *cli) watch(ctx context.Context, pattern string, o client.WatchOptions, colors bool) error {
	for ev, err := range c.client.Watch(ctx, pattern, o) {
		if err != nil {
			if ctx.Err() != nil {
				c.interrupted(ctx) // that is how it ends
				return nil
			}
			return err
		}
		if pattern == "" && strings.HasPrefix(ev.Event, "proc.") {
			continue // its other name has been shown
		}
		if c.asJSON() {
			err = c.print("%s", ev.JSON)
		} else {
			err = c.print("%s", eventLine(ev, colors))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eventLine is HH:MM:SS name | event and what else there is to it.
func eventLine(ev client.Event, colors bool) string {
	if ev.Event == "gap" {
		if ev.Missed < 0 {
			return "-------- the daemon was restarted; some events were missed"
		}
		return fmt.Sprintf("-------- %d events were missed", ev.Missed)
	}
	kind := ev.Event[strings.LastIndexByte(ev.Event, '.')+1:]
	name := cmp.Or(ev.Name, "gafferd")
	if colors {
		name = paint(name, nameColor(name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s | %s", ev.Time.Local().Format(time.TimeOnly), name, kind)
	if ev.PID > 0 {
		fmt.Fprintf(&b, " pid=%d", ev.PID)
	}
	if ev.PID > 0 || ev.OSPid > 0 {
		fmt.Fprintf(&b, " os_pid=%d", ev.OSPid)
	}
	if kind == "audit" {
		fmt.Fprintf(&b, " %s at %s: %s %s", ev.Who, ev.From, ev.Request, ev.Result)
	}
	if kind == "exit" {
		if ev.TermSignal > 0 {
			fmt.Fprintf(&b, " term_signal=%d", ev.TermSignal)
		} else {
			fmt.Fprintf(&b, " exit_status=%d", ev.ExitStatus)
		}
	}
	if ev.Detached {
		b.WriteString(" detached")
	}
	if ev.Reason != "" {
		fmt.Fprintf(&b, " (%s)", ev.Reason)
	}
	return b.String()
}

// nameColor is always the same for a name.
func nameColor(name string) color.Attribute {
	palette := []color.Attribute{color.FgCyan, color.FgGreen, color.FgYellow, color.FgBlue, color.FgMagenta, color.FgHiCyan, color.FgHiGreen, color.FgHiYellow, color.FgHiBlue, color.FgHiMagenta}
	h := fnv.New32a()
	h.Write([]byte(name))
	return palette[h.Sum32()%uint32(len(palette))]
}
