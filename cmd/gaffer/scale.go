package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/internal/procfile"
)

func (c *cli) scaleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scale [GROUP] NAME=3 NAME+2 NAME-1…",
		Short: "Change how many instances there are of processes that were loaded",
		Long: `Change how many instances there are of processes that were loaded, and print the new
numbers. Nothing is changed when one name is wrong. GROUP is the name of the folder
unless it is given.`,
		Example: `  gaffer scale web=3 worker+2
  gaffer scale shop worker-1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("want NAME=3, NAME+2 or NAME-1, got nothing")
			}
			return nil
		},
		RunE:                  c.onDaemon(c.scale),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     c.completeGroups,
	}
}

func (c *cli) scale(ctx context.Context, d *client.Client, args []string) error {
	var named []string
	if isGroup, err := c.namesGroup(ctx, d, args); err != nil {
		return err
	} else if isGroup {
		named, args = args[:1], args[1:]
	}
	group, err := c.group(named)
	if err != nil {
		return err
	}
	var changes []procfile.Change
	var errs []error
	for _, arg := range args {
		change, err := procfile.ParseChange(arg)
		if err != nil {
			errs = append(errs, usageError{err})
		}
		changes = append(changes, change)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	there, err := c.loaded(ctx, d, group, "gafferctl scale")
	if err != nil {
		return err
	}
	var names []string
	for _, m := range there {
		names = append(names, m.short)
	}
	for _, change := range changes {
		if !slices.Contains(names, change.Name) {
			errs = append(errs, fmt.Errorf("no process %q of group %s was loaded%s", change.Name, group, nearest.Hint(change.Name, names)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	defer c.warnOfPorts(there) // also of those before one that is refused
	for _, change := range changes {
		n, err := resize(ctx, d, group+":"+change.Name, change)
		if err != nil {
			return fmt.Errorf("%s: %w", change.Name, err)
		}
		if _, err := fmt.Fprintf(c.stdout, "%s:%s %d\n", group, change.Name, n); err != nil {
			return err
		}
		at := slices.Index(names, change.Name)
		there[at].NumProcesses = &n
	}
	return nil
}

// warnOfPorts tells of processes that have ports of each other by now. It is too
// late to refuse that, and they may not use them.
func (c *cli) warnOfPorts(members []member) {
	var all []procfile.Ports
	for _, m := range members {
		if first, ok := procfile.FirstPort(m.Cmd); ok && m.NumProcesses != nil {
			all = append(all, procfile.Ports{Name: m.short, First: first, Instances: *m.NumProcesses})
		}
	}
	if err := procfile.Clash(all); err != nil {
		fmt.Fprintf(c.stderr, "gaffer: warning: %v\n", err)
	}
}

// namesGroup reports whether the first argument is a group. What looks like a
// change is one only if no group has that name: "shop-2" may be either.
func (c *cli) namesGroup(ctx context.Context, d *client.Client, args []string) (bool, error) {
	if _, err := procfile.ParseChange(args[0]); err != nil {
		return len(args) > 1 && groupName.MatchString(args[0]), nil
	}
	if len(args) == 1 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	groups, err := d.Groups(ctx)
	return slices.Contains(groups, args[0]), err
}

func resize(ctx context.Context, d *client.Client, name string, change procfile.Change) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	switch change.Sign {
	case '+':
		return d.Add(ctx, name, change.Number)
	case '-':
		return d.Sub(ctx, name, change.Number)
	}
	return d.Scale(ctx, name, change.Number)
}
