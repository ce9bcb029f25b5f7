package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) getProcessCommand() *cobra.Command {
	return c.complete(c.command("get_process NAME", "Print the description of a process, as JSON", 1, 1,
		func(ctx context.Context, args []string) error {
			return c.raw(ctx, "/processes/"+url.PathEscape(args[0]), nil)
		}), names)
}

// commandLine is what follows a name: one argument that the daemon splits into
// words, or the words themselves.
func commandLine(args []string) client.Process {
	p := client.Process{Cmd: args[0]}
	if len(args) > 1 {
		p.Args.List = args[1:]
	}
	return p
}

const commandLineHelp = "The command line is one argument, which is split into words as a shell would, or\n" +
	"several, taken as they are; put -- before it if any of those starts with a dash:\n\n" +
	"  gafferctl %[1]s web \"./server -p 80\"\n" +
	"  gafferctl %[1]s web -- ./server -p 80"

func (c *cli) addProcessCommand() *cobra.Command {
	var start bool
	cmd := c.change("add_process [--start] [--wait[=SECONDS]] NAME CMDLINE", "Add a process, stopped unless --start is given", "starting", 2, -1,
		func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
			p := commandLine(args[1:])
			p.Name, p.Start = args[0], &start
			return c.ok, c.client.Create(ctx, p, waits...)
		})
	cmd.Long = cmd.Short + ".\n\n" + fmt.Sprintf(commandLineHelp, "add_process")
	cmd.Flags().BoolVar(&start, "start", false, "start it too")
	return ofCommandLine(cmd)
}

// ofCommandLine has cmd say how a command line is given whose own flags it does not
// know.
func ofCommandLine(cmd *cobra.Command) *cobra.Command {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cmd.Root().FlagErrorFunc()(cmd, fmt.Errorf("%w: put -- before the command line if that is a flag of its own", err))
	})
	return cmd
}

func (c *cli) updateProcessCommand() *cobra.Command {
	var start, keep bool
	cmd := c.change("update_process [--start] [--keep] [--wait[=SECONDS]] NAME CMDLINE", "Give a process another command line", "updating", 2, -1,
		func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
			reset, err := c.update(ctx, args[0], commandLine(args[1:]), keep, waits)
			if start && err == nil {
				err = c.client.Start(ctx, args[0], waits...)
			}
			return func() error {
				if len(reset) > 0 {
					c.complain(args[0] + " has its defaults again for " + strings.Join(reset, ", ") + "; --keep leaves what is not given as it is")
				}
				return c.ok()
			}, err
		})
	cmd.Long = cmd.Short + ".\n\n" +
		"The description is replaced as a whole: all other properties get their defaults,\n" +
		"and those that had another value are named. With --keep they stay as they are.\n\n" +
		"Running instances are replaced one after the other; a stopped process stays\n" +
		"stopped unless --start is given.\n\n" + fmt.Sprintf(commandLineHelp, "update_process")
	cmd.Flags().BoolVar(&start, "start", false, "start it if it is stopped")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave all other properties as they are")
	return c.complete(ofName(ofCommandLine(cmd)), names)
}

// update gives a process another command line, and returns which of its other
// properties that has changed.
func (c *cli) update(ctx context.Context, name string, p client.Process, keep bool, waits []client.Waiting) (reset []string, err error) {
	before, err := c.description(ctx, name)
	if err != nil {
		return nil, err
	}
	if keep {
		merged := maps.Clone(before)
		delete(merged, "args")
		merged["cmd"] = p.Cmd
		if p.Args.List != nil {
			merged["args"] = p.Args.List
		}
		return nil, c.client.UpdateJSON(ctx, name, merged, waits...)
	}
	if err := c.client.Update(ctx, name, p, waits...); err != nil {
		return nil, err
	}
	after, err := c.description(ctx, name)
	if err != nil {
		return nil, nil // it is gone again: the update was done
	}
	for property, value := range before {
		switch property {
		case "cmd", "args", "start": // start has been followed, when the process was made
		default:
			if !reflect.DeepEqual(value, after[property]) {
				reset = append(reset, property)
			}
		}
	}
	slices.Sort(reset)
	return reset, nil
}

// description is what get_process prints.
func (c *cli) description(ctx context.Context, name string) (properties map[string]any, err error) {
	err = c.client.Do(ctx, http.MethodGet, "/processes/"+url.PathEscape(name), nil, nil, &properties)
	return properties, err
}

func (c *cli) loadProcessCommand() *cobra.Command {
	var start bool
	cmd := c.change("load_process [--start] [--wait[=SECONDS]] FILE|-", "Add a process from a JSON file, stopped unless --start is given", "starting", 1, 1,
		func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
			description, err := c.readDescription(args[0], start)
			if err != nil {
				return nil, err
			}
			return c.ok, c.client.CreateJSON(ctx, description, waits...)
		})
	cmd.Long = cmd.Short + ".\n\nThe file holds what get_process prints; - is the standard input."
	cmd.Flags().BoolVar(&start, "start", false, "start it too")
	return cmd // the shell completes file names
}

func (c *cli) delProcessCommand() *cobra.Command {
	return c.completeEach(ofNames(c.each("del_process [--wait[=SECONDS]] NAME…", "Stop processes and forget them", "stopping",
		func(ctx context.Context, name string, waits []client.Waiting) error {
			return c.client.Delete(ctx, name, waits...)
		}), wantName), namesOfAll)
}
