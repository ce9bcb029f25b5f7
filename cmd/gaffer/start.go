package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/manager"
)

func (c *cli) startCommand() *cobra.Command {
	restart := false
	cmd := &cobra.Command{
		Use:   "start [NAME…]",
		Short: "Run the processes in the foreground, all or those that are named",
		Long: `Run the processes in the foreground, in the order of the Procfile, all or those that are
named, and print what they print.

When one fails, all others are stopped, and gaffer exits with its status; with
--restart it is started again instead. One that exits with 0 is done. When all
are done, so is gaffer.

Ctrl-C stops everything gracefully, in the reverse order; a second one kills what is left.`,
		Example: `  gaffer start
  gaffer start -c web=2 web worker`,
		RunE: func(cmd *cobra.Command, names []string) error {
			templates, err := c.toStart(names, restart)
			if err != nil {
				return err
			}
			return c.foreground(cmd.Context(), templates, restart)
		},
		ValidArgsFunction: c.completeNames,
	}
	cmd.Flags().BoolVar(&restart, "restart", false, "start what fails again, and keep the others running")
	return cmd
}

// toStart describes the processes that are asked for.
func (c *cli) toStart(names []string, restart bool) ([]manager.Template, error) {
	app, formation, err := c.app()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := app.Index(name); err != nil {
			return nil, usageError{err}
		}
	}
	if len(names) > 0 {
		formation = formation.Only(names)
	}
	templates, err := app.Templates(formation, "")
	if err != nil {
		return nil, err
	}
	templates = slices.DeleteFunc(templates, func(t manager.Template) bool { return t.NumProcesses == 0 })
	if len(templates) == 0 {
		return nil, usagef("there is nothing to start: every process is asked for 0 times")
	}
	for i := range templates {
		templates[i].Restart = manager.RestartNever
		if restart {
			templates[i].Restart = manager.RestartOnFailure
		}
	}
	return templates, nil
}

// foreground runs processes until they are done, one has failed or somebody
// says so, or reads no more. When it returns, nothing of them is left.
func (c *cli) foreground(ctx context.Context, templates []manager.Template, restart bool) error {
	f, err := newForeground(c.stdout, templates, restart)
	if err != nil {
		return err
	}
	defer f.close()
	ctx, release := cmdline.WhileRead(ctx, c.stdout)
	defer release()
	return f.run(ctx, templates)
}
