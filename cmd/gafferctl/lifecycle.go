package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

// isPID tells a pid from a name: a name has something other than digits.
func isPID(arg string) (pid int, ok bool) {
	for _, r := range arg {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	pid, err := strconv.Atoi(arg)
	return pid, err == nil
}

// wantName refuses a pid, which the API would take for one or for nothing.
func wantName(arg string) error {
	if _, ok := isPID(arg); ok {
		return usagef("%q is the pid of an instance: want the name of a process", arg)
	}
	return nil
}

// ofName has cmd refuse a pid as its first argument.
func ofName(cmd *cobra.Command) *cobra.Command { return checking(cmd, 1, wantName) }

// ofNames has cmd refuse what check does, before anything is done.
func ofNames(cmd *cobra.Command, check func(arg string) error) *cobra.Command {
	return checking(cmd, math.MaxInt, check)
}

// checking has cmd check so many of its arguments.
func checking(cmd *cobra.Command, most int, check func(arg string) error) *cobra.Command {
	counted := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := counted(cmd, args); err != nil {
			return err
		}
		for _, arg := range args[:min(most, len(args))] {
			if err := check(arg); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// count is an argument that is a number of instances.
func count(arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 0 {
		return 0, usagef("%q: want a number, 0 or more", arg)
	}
	return n, nil
}

func (c *cli) startCommand() *cobra.Command {
	return c.completeEach(ofNames(c.each("start [--wait[=SECONDS]] NAME…", "Start processes", "starting",
		func(ctx context.Context, name string, waits []client.Waiting) error {
			return c.client.Start(ctx, name, waits...)
		}), wantName), names)
}

func (c *cli) stopCommand() *cobra.Command {
	cmd := c.each("stop [--wait[=SECONDS]] NAME|PID…", "Stop processes, or single instances", "stopping",
		func(ctx context.Context, arg string, waits []client.Waiting) error {
			if pid, ok := isPID(arg); ok {
				return c.client.StopInstance(ctx, pid, waits...)
			}
			return c.client.Stop(ctx, arg, waits...)
		})
	cmd.Long = "Stop processes, or single instances.\n\n" +
		"A process that is stopped stays stopped. A single instance that is stopped is\n" +
		"replaced: the process keeps its number of instances. To run fewer, use sub or\n" +
		"scale."
	return c.completeEach(cmd, namesAndPids)
}

func (c *cli) restartCommand() *cobra.Command {
	check := func(arg string) error {
		if err := wantName(arg); err != nil {
			return usagef("%v; gafferctl stop %s has that instance alone replaced by a new one", err, arg)
		}
		return nil
	}
	return c.completeEach(ofNames(c.each("restart [--wait[=SECONDS]] NAME…", "Restart processes", "restarting",
		func(ctx context.Context, name string, waits []client.Waiting) error {
			return c.client.Restart(ctx, name, waits...)
		}), check), names)
}

func (c *cli) scaleCommand() *cobra.Command {
	return c.complete(ofName(signed(c.change("scale [--wait[=SECONDS]] NAME N", "Run N instances of a process", "scaling", 2, 2,
		func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
			n, err := target(args[0], args[1])
			if err == nil {
				_, err = c.client.Scale(ctx, args[0], n, waits...)
			}
			if err == nil && n > 0 {
				c.tellStopped(ctx, args[0])
			}
			return c.ok, err
		}), target)), names)
}

// tellStopped tells whoever wants instances of a process that there are none, if it
// does not even try to have any.
func (c *cli) tellStopped(ctx context.Context, name string) {
	status, err := c.client.Status(ctx, name)
	if err == nil && !status.Active && (status.State == "stopped" || status.State == "failed") {
		c.complain(fmt.Sprintf("%s is %s: start it with gafferctl start %[1]s", name, status.State))
	}
}

// target is an argument that is how many instances there are to be of a process.
// One with a sign, which is a change elsewhere, is not taken for that.
func target(name, arg string) (int, error) {
	name = cmp.Or(name, "NAME")
	n, signed := strings.CutPrefix(arg, "+")
	if _, number := isPID(n); signed && number {
		return 0, usagef("%q: want how many instances there are to be; to run %s more: gafferctl add %s %[2]s", arg, n, name)
	}
	n, signed = strings.CutPrefix(arg, "-")
	if _, number := isPID(n); signed && number {
		return 0, usagef("%q: want how many instances there are to be; to run %s fewer: gafferctl sub %s %[2]s", arg, n, name)
	}
	return count(arg)
}

// unknownFlag is pflag's error for flags of one letter.
type unknownFlag interface {
	error
	GetSpecifiedShortnames() string
}

// signed has cmd tell of an argument like -1 what parse says of it, and not that
// there is no such flag. parse also gets the first argument, if that is known.
func signed(cmd *cobra.Command, parse func(name, arg string) (int, error)) *cobra.Command {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[unknownFlag](err); ok {
			if _, number := isPID(unknown.GetSpecifiedShortnames()); number {
				if _, refused := parse(cmd.Flags().Arg(0), "-"+unknown.GetSpecifiedShortnames()); refused != nil {
					err = refused
				}
			}
		}
		return cmd.Root().FlagErrorFunc()(cmd, err)
	})
	return cmd
}

func (c *cli) addCommand() *cobra.Command {
	return c.resizeCommand("add", "Run N instances more (1), and print how many that makes", "scaling",
		func(ctx context.Context, name string, n int, waits []client.Waiting) (int, error) {
			total, err := c.client.Add(ctx, name, n, waits...)
			if err == nil && total > 0 {
				c.tellStopped(ctx, name)
			}
			return total, err
		})
}

func (c *cli) subCommand() *cobra.Command {
	return c.resizeCommand("sub", "Run N instances fewer (1), and print how many are left", "scaling",
		func(ctx context.Context, name string, n int, waits []client.Waiting) (int, error) {
			return c.client.Sub(ctx, name, n, waits...)
		})
}

func (c *cli) resizeCommand(verb, short, doing string, resize func(ctx context.Context, name string, n int, waits []client.Waiting) (int, error)) *cobra.Command {
	return c.complete(ofName(signed(c.change(verb+" [--wait[=SECONDS]] NAME [N]", short, doing, 1, 2,
		func(ctx context.Context, args []string, waits []client.Waiting) (_ report, err error) {
			n := 1
			if len(args) == 2 {
				if n, err = count(args[1]); err != nil {
					return nil, err
				}
			}
			total, err := resize(ctx, args[0], n, waits)
			return func() error { return c.number("numprocesses", total) }, err
		}), func(_, arg string) (int, error) { return count(arg) })), names)
}

func (c *cli) killCommand() *cobra.Command {
	cmd := c.command("kill NAME|PID SIG", "Send a signal to a process, or to one instance", 2, 2,
		func(ctx context.Context, args []string) error {
			if err := c.client.Signal(ctx, args[0], args[1]); err != nil {
				return err
			}
			return c.ok()
		})
	cmd.Long = "Send a signal to all instances of a process, or to one.\n\n" +
		"The signal is a number or a name in any case: 15, term, SIGTERM. An instance that\n" +
		"a signal ends is restarted as its process says; to end it for good, use stop."
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[unknownFlag](err); ok {
			signal := unknown.GetSpecifiedShortnames()
			if _, number := isPID(signal); number || len(signal) > 1 && signal == strings.ToUpper(signal) {
				err = usagef("-%s: the signal comes last, without a dash: gafferctl kill %s %[1]s", signal, cmp.Or(cmd.Flags().Arg(0), "NAME"))
			}
		}
		return cmd.Root().FlagErrorFunc()(cmd, err)
	})
	return completeSignals(c.complete(cmd, namesAndPids))
}
