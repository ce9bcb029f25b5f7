package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/console"
)

func (c *cli) psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps [GROUP]",
		Short: "Show how the processes do that were loaded",
		Long: `Show how the processes of a group do that were loaded from a Procfile, an instance a
line: its name, the state, the pid of the daemon and that of the system, and how long
it has run. In a pipe these are separated by tabs, without a head, and the time is in
seconds. GROUP is the name of the folder unless it is given.`,
		Args: atMost(1),
		RunE: c.onDaemon(func(ctx context.Context, d *client.Client, args []string) error {
			group, err := c.group(args)
			if err != nil {
				return err
			}
			there, err := c.loaded(ctx, d, group, "gafferctl status")
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, answerTime)
			defer cancel()
			running, err := d.Instances(ctx)
			if err != nil {
				return err
			}
			return c.table(rows(there, running, time.Now()))
		}),
		ValidArgsFunction: c.completeGroups,
	}
}

// row is an instance, or a process that has none.
type row struct {
	name, state string
	pid, osPid  int
	up          time.Duration
	note        string
}

func rows(there []member, running []client.Instance, now time.Time) []row {
	var all []row
	for _, m := range there {
		before := len(all)
		for _, i := range running {
			if i.Name == m.Name {
				name := fmt.Sprintf("%s.%d", i.Name, i.Index)
				all = append(all, row{name, i.State, i.PID, i.OSPid, max(0, now.Sub(i.StartedAt)), ""})
			}
		}
		if len(all) == before {
			note := strings.Join(strings.Fields(m.LastError), " ")
			if !m.NextRetryAt.IsZero() {
				note = strings.TrimSpace(fmt.Sprintf("%s next try in %v", note, max(0, m.NextRetryAt.Sub(now)).Round(time.Second)))
			}
			all = append(all, row{name: m.Name, state: m.State, note: note})
		}
	}
	return all
}

// table prints rows for people, or for scripts.
func (c *cli) table(rows []row) error {
	people := console.IsTerminal(c.stdout)
	var out io.Writer = c.stdout
	if people {
		aligned := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		defer aligned.Flush()
		out = aligned
		fmt.Fprintln(out, "NAME\tSTATE\tPID\tOS PID\tUP\tNOTE")
	}
	for _, r := range rows {
		pid, osPid, up := "-", "-", "-"
		if r.pid != 0 {
			pid, osPid, up = fmt.Sprint(r.pid), fmt.Sprint(r.osPid), fmt.Sprint(int(r.up.Seconds()))
			if people {
				up = r.up.Round(time.Second).String()
			}
		}
		if _, err := fmt.Fprintln(out, strings.Join([]string{r.name, r.state, pid, osPid, up, r.note}, "\t")); err != nil {
			return err
		}
	}
	return nil
}
