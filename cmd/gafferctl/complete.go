package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

// completionPatience bounds what a shell waits for when a key is pressed.
const completionPatience = time.Second

// completion lists what an argument may be.
type completion func(ctx context.Context, c *client.Client) ([]string, error)

// complete has the shell complete cmd's arguments, each from a list of its own.
// A daemon that is not there has nothing to list.
func (c *cli) complete(cmd *cobra.Command, lists ...completion) *cobra.Command {
	return c.completeAt(cmd, func(n int) completion {
		if n < len(lists) {
			return lists[n]
		}
		return nil
	})
}

// completeEach is complete for a command with any number of arguments of one
// kind.
func (c *cli) completeEach(cmd *cobra.Command, list completion) *cobra.Command {
	return c.completeAt(cmd, func(int) completion { return list })
}

// completeAt is given what lists the values of the argument at n, or nil.
func (c *cli) completeAt(cmd *cobra.Command, at func(n int) completion) *cobra.Command {
	if c.takes == nil {
		c.takes = map[*cobra.Command]completion{}
	}
	c.takes[cmd] = at(0)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		list := at(len(args))
		if list == nil || c.dial() != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		all, err := list(ctx, c.client)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var fitting []string
		for _, one := range all {
			if strings.HasPrefix(one, begun) {
				fitting = append(fitting, one)
			}
		}
		return fitting, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
	return cmd
}

// names lists processes, but for those that are over: they are listed nowhere else
// either.
func names(ctx context.Context, c *client.Client) (all []string, err error) {
	infos, err := c.Infos(ctx)
	for _, info := range infos {
		if !isOver(info) {
			all = append(all, info.Name)
		}
	}
	return all, err
}

// namesOfAll lists also those that are over, for what is about those too.
func namesOfAll(ctx context.Context, c *client.Client) ([]string, error) { return c.Processes(ctx) }

func groups(ctx context.Context, c *client.Client) ([]string, error) {
	all, _, err := listGroups(ctx, c)
	return all, err
}

// named are those of a list that are no pids.
func named(all []string) (names []string) {
	for _, one := range all {
		if name, _, described := strings.Cut(one, "\t"); !described {
			names = append(names, name)
		}
	}
	return names
}

// appsAndParts lists apps, the processes of each and their instances.
func appsAndParts(ctx context.Context, c *client.Client) ([]string, error) {
	all, err := c.Groups(ctx)
	if err != nil {
		return nil, err
	}
	parts, err := namesAndPids(ctx, c)
	for _, part := range parts {
		if !slices.Contains(all, part) {
			all = append(all, part)
		}
	}
	return all, err
}

// namesAndPids lists processes, and instances with what they are.
func namesAndPids(ctx context.Context, c *client.Client) ([]string, error) {
	all, err := names(ctx, c)
	if err != nil {
		return nil, err
	}
	entries, err := c.Entries(ctx)
	for _, e := range entries {
		all = append(all, strconv.Itoa(e.PID)+"\t"+e.Name)
	}
	return all, err
}

func tokenNames(ctx context.Context, c *client.Client) (all []string, err error) {
	tokens, err := c.Tokens(ctx)
	for _, t := range tokens {
		all = append(all, t.Name)
	}
	return all, err
}

// labels lists the streams that a process usually has.
func labels(context.Context, *client.Client) ([]string, error) {
	return []string{"stdout", "stderr"}, nil
}

// signals are those that are sent by hand.
var signals = []string{"TERM", "HUP", "INT", "KILL", "QUIT", "USR1", "USR2", "STOP", "CONT", "WINCH"}

// completeSignals has the shell complete cmd's second argument: a signal, with SIG
// and in small letters if it was begun so.
func completeSignals(cmd *cobra.Command) *cobra.Command {
	first := cmd.ValidArgsFunction
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) (fitting []string, _ cobra.ShellCompDirective) {
		if len(args) != 1 {
			return first(cmd, args, begun)
		}
		for _, signal := range signals {
			for _, name := range []string{signal, "SIG" + signal} {
				if !strings.HasPrefix(name, strings.ToUpper(begun)) || begun == "" && name != signal {
					continue
				}
				if begun != strings.ToUpper(begun) {
					name = strings.ToLower(name)
				}
				fitting = append(fitting, name)
			}
		}
		return fitting, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
	return cmd
}
