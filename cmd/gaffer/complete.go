package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/procfile"
)

// completionTime bounds what a shell waits for when a key is pressed.
const completionTime = time.Second

// completeNames lists the processes of the Procfile.
func (c *cli) completeNames(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	app, err := procfile.Open(c.files)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, e := range app.Entries {
		if strings.HasPrefix(e.Name, begun) {
			names = append(names, e.Name+"\t"+e.Command)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeGroups lists the groups of the daemon, if it is there.
func (c *cli) completeGroups(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	d, err := c.dial()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	all, err := groups(ctx, d)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var fitting []string
	for _, group := range all {
		if strings.HasPrefix(group, begun) {
			fitting = append(fitting, group)
		}
	}
	return fitting, cobra.ShellCompDirectiveNoFileComp
}
