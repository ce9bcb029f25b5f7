package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) whyCommand() *cobra.Command {
	var count string
	cmd := c.command("why [-n N|all] NAME", "Tell how the last instances of a process ended, and what comes next", 1, 1,
		func(ctx context.Context, args []string) error {
			n, err := parseCount(count, false, false)
			if err != nil {
				return err
			}
			if c.asJSON() {
				return c.raw(ctx, "/processes/"+url.PathEscape(args[0])+"/_exits", nil)
			}
			exits, err := c.client.Exits(ctx, args[0])
			if err != nil {
				return err
			}
			status, err := c.client.Status(ctx, args[0])
			if err != nil && client.Code(err) != "not_found" {
				return err
			}
			if n > 0 && len(exits) > n {
				exits = exits[len(exits)-n:]
			}
			return c.why(args[0], exits, status, time.Now())
		})
	cmd.Long = `Tell how the last instances of a process ended: when and after how long, with which
status or by which signal, why, and the last lines of its stderr. The latest comes
last, and behind it what happens next. The daemon remembers 20.`
	cmd.Flags().StringVarP(&count, "exits", "n", "5", "only the last `N` exits, or all")
	return c.complete(ofName(cmd), namesOfAll)
}

// why prints the story of a process.
func (c *cli) why(name string, exits []client.Exit, status client.Status, now time.Time) error {
	colors := colored(c.stdout)
	var b strings.Builder
	for _, e := range exits {
		title := fmt.Sprintf("pid %d %s", e.PID, ending(e))
		if colors {
			attributes := []color.Attribute{color.Bold}
			if e.ExitStatus != 0 || e.TermSignal != 0 || e.OSPid == 0 {
				attributes = append(attributes, color.FgRed)
			}
			title = paint(title, attributes...)
		}
		b.WriteString(title + "\n")
		fmt.Fprintf(&b, "  when    %s, %s\n", ago(e.EndedAt, now), e.EndedAt.Local().Format(time.DateTime))
		if !e.StartedAt.IsZero() {
			fmt.Fprintf(&b, "  lived   %s, since %s\n", life(e.EndedAt.Sub(e.StartedAt)), e.StartedAt.Local().Format(time.DateTime))
		}
		fmt.Fprintf(&b, "  reason  %s\n", whyNotStarted(name, e.Reason))
		if e.NextRetryAt.After(now) {
			fmt.Fprintf(&b, "  retry   %s, %s\n", ago(e.NextRetryAt, now), e.NextRetryAt.Local().Format(time.DateTime))
		}
		for i, line := range e.Stderr {
			if colors {
				line = paint(line, color.FgRed)
			}
			head := "          "
			if i == 0 {
				head = "  stderr  "
			}
			b.WriteString(strings.TrimRight(head+line, " ") + "\n")
		}
	}
	if len(exits) == 0 {
		b.WriteString(name + ": no instance has ended yet, as far as the daemon remembers\n")
	}
	status.LastError = whyNotStarted(name, status.LastError)
	b.WriteString(name + " " + next(status, now))
	return c.print("%s", b.String())
}

// life is how long an instance lived. Below a second it matters whether it did
// anything at all.
func life(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return spanCell(d).shown
}

// ending is how an instance ended, in a few words.
func ending(e client.Exit) string {
	switch {
	case e.OSPid == 0:
		return "could not be started"
	case e.TermSignal == 0:
		return "exited with status " + strconv.Itoa(e.ExitStatus)
	}
	return "was ended by signal " + signalName(e.TermSignal)
}

// next is what happens to a process now.
func next(s client.Status, now time.Time) string {
	switch {
	case !s.NextRetryAt.IsZero():
		return fmt.Sprintf("is started again %s, %s", ago(s.NextRetryAt, now), s.NextRetryAt.Local().Format(time.DateTime))
	case s.LastError != "":
		return fmt.Sprintf("is %s: %s", s.State, s.LastError)
	case s.Running > 0:
		return fmt.Sprintf("is %s, with %d of %d instances", s.State, s.Running, s.NumProcesses)
	case s.State == "failed" || s.State == "stopped":
		return "is " + s.State + " and not started again by itself"
	case s.State == "":
		return "has been deleted"
	}
	return "is " + s.State
}

// ago is a moment as seen from now.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d <= -time.Second:
		return "in " + spanCell(-d).shown
	case d < 0:
		return "in a moment"
	case d < time.Second:
		return "just now"
	}
	return spanCell(d).shown + " ago"
}
