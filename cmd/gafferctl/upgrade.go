package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (c *cli) upgradeCommand() *cobra.Command {
	cmd := c.following("upgrade [PATH]", "Have gafferd go on in another program, while its processes run on", 0, 1,
		func(ctx context.Context, args []string) error {
			path := ""
			if len(args) == 1 {
				var err error
				if path, err = filepath.Abs(args[0]); err != nil {
					return err
				}
			}
			before, err := c.client.Version(ctx)
			if err != nil {
				return err
			}
			c.expectLoss()
			stop := c.progress("upgrading")
			now, err := c.client.Upgrade(ctx, path)
			stop()
			if err != nil {
				return err
			}
			if c.asJSON() {
				return c.print(`{"ok": true, "from": %q, "to": %q}`, before.Version, now.Version)
			}
			return c.print("ok: gafferd %s is now %s", before.Version, now.Version)
		})
	cmd.Long = `Have gafferd go on in the program at PATH, which has to prove first that it can read
what the running one knows. Without PATH it is the program that is installed where the
running one was started from: install a new version, then run gafferctl upgrade.

Processes do not notice, their output and input go on where they were, and connections
wait for the moment that it takes. If the other program cannot take over, the running
one goes on.`
	return cmd
}
