package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
)

// listGroups names all groups, or apps, and their members, in the order of their
// creation, but for what was run once: that is nobody's group, and its output was
// seen where it was run.
func listGroups(ctx context.Context, c *client.Client) (all []string, members map[string][]string, err error) {
	infos, err := c.Infos(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, members = []string{}, map[string][]string{}
	for _, info := range infos {
		if info.Once {
			continue
		}
		group, _, _ := strings.Cut(info.Name, ":")
		if members[group] == nil {
			all = append(all, group)
		}
		members[group] = append(members[group], info.Name)
	}
	return all, members, nil
}

func (c *cli) groupsCommand() *cobra.Command {
	cmd := c.command("groups", "List groups of processes; start, stop, restart or delete some", 0, 0,
		func(ctx context.Context, _ []string) error {
			all, members, err := listGroups(ctx, c.client)
			if err != nil {
				return err
			}
			if !c.asTable() {
				return lines(c, all)
			}
			t := table{head: []string{"GROUP", "PROCESSES"}}
			for _, group := range all {
				t.rows = append(t.rows, []cell{same(group), same(strings.Join(members[group], " "))})
			}
			return c.table(t)
		})
	cmd.Use = "groups [start|stop|restart|del GROUP…]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s", cmdline.Unknown(cmd, args[0]))
		}
		return nil
	}
	type act func(ctx context.Context, group string, waits ...client.Waiting) error
	sub := func(verb, short, doing string, do func() act) {
		cmd.AddCommand(c.completeEach(c.each(verb+" [--wait[=SECONDS]] GROUP…", short, doing,
			func(ctx context.Context, group string, waits []client.Waiting) error {
				return do()(ctx, group, waits...)
			}), groups))
	}
	sub("start", "Start all processes of groups", "starting", func() act { return c.client.StartGroup })
	sub("stop", "Stop all processes of groups", "stopping", func() act { return c.client.StopGroup })
	sub("restart", "Restart all processes of groups", "restarting", func() act { return c.client.RestartGroup })
	sub("del", "Stop all processes of groups and forget them", "stopping", func() act { return c.client.DeleteGroup })
	return cmd
}
