package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) reloadCommand() *cobra.Command {
	var planOnly bool
	cmd := c.change("reload [--plan] [--wait[=SECONDS]]", "Have gafferd read its configuration file again and follow it", "reloading", 0, 0,
		func(ctx context.Context, _ []string, waits []client.Waiting) (report, error) {
			var reload client.Reload
			var err error
			if planOnly {
				reload, err = c.client.PlanReload(ctx)
			} else {
				reload, err = c.client.Reload(ctx, waits...)
			}
			if err != nil && !errors.Is(err, client.ErrNotDone) {
				return nil, c.listed(err)
			}
			return func() error { return errors.Join(c.reloaded(reload, planOnly), err) }, nil
		})
	cmd.Long = `Have gafferd read its configuration file again and follow it: add the processes that
are new in it, change those that it describes otherwise, and remove those that are
gone from it. Only those are restarted of which more than the number of instances
has changed. A file with mistakes changes nothing.

With --plan it only shows what would be done: + is added, ~ is changed, - is removed.
Values in the environment are never shown.`
	cmd.Flags().BoolVar(&planOnly, "plan", false, "show what would be done, and do nothing")
	return c.complete(cmd)
}

// listed prints the mistakes of a file one a line, and leaves the sum of it to
// the error.
func (c *cli) listed(err error) error {
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || len(refused.Problems) < 2 {
		return err
	}
	for _, problem := range refused.Problems {
		fmt.Fprintln(c.stderr, problem)
	}
	return fmt.Errorf("nothing was changed: the configuration has %d mistakes (%s)", len(refused.Problems), refused.Code)
}

// reloaded shows what a reload is about.
func (c *cli) reloaded(r client.Reload, planOnly bool) error {
	if c.asJSON() {
		text, err := marshal(r, "  ")
		if err != nil {
			return err
		}
		return c.print("%s", text)
	}
	d := diff{colors: colored(c.stdout)}
	for _, name := range r.Added {
		d.line(color.FgGreen, "+ "+name)
	}
	for _, name := range r.Changed {
		how := ""
		if slices.Contains(r.Restarted, name) {
			how = " (restarts)"
		}
		d.line(color.FgYellow, "~ "+name+how)
		for _, p := range r.Changes[name] {
			d.WriteString("    " + difference(p) + "\n")
		}
	}
	for _, name := range r.Removed {
		d.line(color.FgRed, "- "+name)
	}
	for _, change := range []struct {
		attribute color.Attribute
		format    string
		hooks     []client.WebhookChange
	}{
		{color.FgGreen, "+ %s", r.Webhooks.Added},
		{color.FgYellow, "~ %s: another secret", r.Webhooks.Changed},
		{color.FgRed, "- %s", r.Webhooks.Removed},
	} {
		for _, h := range change.hooks {
			d.line(change.attribute, fmt.Sprintf(change.format, fmt.Sprintf("webhook %s: %s to %s", h.ID, h.Event, h.URL)))
		}
	}
	for _, setting := range r.NeedsRestart {
		d.line(color.FgMagenta, "! "+setting+" is followed when gafferd is started again")
	}
	for _, w := range r.Warnings {
		d.line(color.FgMagenta, "! "+w)
	}
	return c.print("%s%s", d.String(), total(r, planOnly))
}

// diff is a text with lines in colours.
type diff struct {
	strings.Builder
	colors bool
}

func (d *diff) line(attribute color.Attribute, text string) {
	if d.colors {
		text = paint(text, attribute)
	}
	d.WriteString(text + "\n")
}

// difference is what becomes of a property, in one line.
func difference(p client.Difference) string {
	if strings.HasPrefix(p.Property, "env.") {
		return p.Property
	}
	return fmt.Sprintf("%s: %s → %s", p.Property, value(p.From), value(p.To))
}

// value is a property's value, short enough for a line with two of them.
func value(v any) string {
	if v == nil {
		return "unset"
	}
	text, err := marshal(v, "")
	if err != nil {
		return fmt.Sprint(v)
	}
	if r := []rune(string(text)); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return string(text)
}

// total is the last line.
func total(r client.Reload, planOnly bool) string {
	count := func(n int, done, toDo string) string {
		if planOnly {
			return fmt.Sprintf("%d to %s", n, toDo)
		}
		return fmt.Sprintf("%d %s", n, done)
	}
	text := "no process changes"
	if len(r.Added)+len(r.Changed)+len(r.Removed) > 0 {
		text = fmt.Sprintf("%s, %s (%s), %s", count(len(r.Added), "added", "add"), count(len(r.Changed), "changed", "change"),
			count(len(r.Restarted), "restarted", "restart"), count(len(r.Removed), "removed", "remove"))
	}
	if w := r.Webhooks; len(w.Added)+len(w.Changed)+len(w.Removed) > 0 {
		text += fmt.Sprintf("; webhooks: %s, %s, %s", count(len(w.Added), "added", "add"),
			count(len(w.Changed), "changed", "change"), count(len(w.Removed), "removed", "remove"))
	}
	return text
}
