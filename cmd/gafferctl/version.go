package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/version"
)

// versionPatience bounds the look at the daemon's version: gafferctl's own is
// what was asked for.
const versionPatience = time.Second

func (c *cli) versionCommand() *cobra.Command {
	return c.command("version", "Print the versions of gafferctl and of the daemon", 0, 0,
		func(ctx context.Context, _ []string) error {
			ctx, cancel := context.WithTimeout(ctx, versionPatience)
			defer cancel()
			daemon, err := c.client.Version(ctx)
			if c.asJSON() {
				if err != nil {
					return c.print(`{"gafferctl": %q}`, version.Version())
				}
				return c.print(`{"gafferctl": %q, "gafferd": %q}`, version.Version(), daemon.Version)
			}
			text := strings.TrimSpace(version.Line("gafferctl"))
			if err == nil {
				text += fmt.Sprintf("\ngafferd %s at %s", daemon.Version, c.client.Address())
			}
			return c.print("%s", text)
		})
}
