package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (c *cli) processesCommand() *cobra.Command {
	var running bool
	cmd := c.command("processes [--running]", "List the names of all processes", 0, 0,
		func(ctx context.Context, _ []string) error {
			if running {
				pids, err := c.client.Running(ctx)
				if err != nil {
					return err
				}
				return lines(c, pids)
			}
			all, err := c.client.Processes(ctx)
			if err != nil {
				return err
			}
			return lines(c, all)
		})
	cmd.Flags().BoolVar(&running, "running", false, "list the pids of all running instances instead")
	return c.complete(cmd)
}

func (c *cli) pidsCommand() *cobra.Command {
	return c.complete(ofName(c.command("pids NAME", "List the pids of the running instances of a process", 1, 1,
		func(ctx context.Context, args []string) error {
			pids, err := c.client.PIDs(ctx, args[0])
			if err != nil {
				return err
			}
			return lines(c, pids)
		})), names)
}

func (c *cli) numprocessesCommand() *cobra.Command {
	return c.complete(ofName(c.command("numprocesses NAME", "Print how many instances a process should have", 1, 1,
		func(ctx context.Context, args []string) error {
			status, err := c.client.Status(ctx, args[0])
			if err != nil {
				return err
			}
			return c.number("numprocesses", status.NumProcesses)
		})), names)
}

func (c *cli) runningCommand() *cobra.Command {
	return c.complete(ofName(c.command("running NAME", "Print how many instances of a process are running", 1, 1,
		func(ctx context.Context, args []string) error {
			status, err := c.client.Status(ctx, args[0])
			if err != nil {
				return err
			}
			return c.number("running", status.Running)
		})), names)
}
