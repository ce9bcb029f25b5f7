package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) streamsCommand() *cobra.Command {
	var tail string
	cmd := c.following("streams [--tail N|all] NAME|PID [STREAM]", "Follow what a process prints", 1, 2,
		c.whileRead(nil, func(ctx context.Context, args []string) error {
			enter, err := parseTail(tail)
			if err != nil {
				return err
			}
			f := &follower{cli: c, enter: enter, known: map[int]bool{}}
			if len(args) == 2 {
				f.labels = args[1:]
			}
			if pid, ok := isPID(args[0]); ok {
				err = f.followInstance(ctx, pid)
			} else {
				err = f.followProcess(ctx, args[0])
			}
			if ctx.Err() != nil {
				c.interrupted(ctx) // that is how it ends
				return nil
			}
			return err
		}))
	cmd.Long = "Follow what a process prints, starting with its last lines.\n\n" +
		"Of a process, all instances are followed, and new ones as they come, until it is\n" +
		"deleted; each line begins with the name of its instance when there are several.\n" +
		"Of a single instance the bytes come as they are, until it ends. Without STREAM\n" +
		"it is stdout and stderr; stderr goes to the standard error output."
	cmd.Flags().StringVar(&tail, "tail", "10", "start with the last `N` lines, or all that is kept")
	return c.complete(cmd, namesAndPids, labels)
}

func parseTail(text string) (client.StreamOptions, error) {
	if text == "all" {
		return client.StreamOptions{}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return client.StreamOptions{}, usagef("--tail %q: want a number of lines, or all", text)
	}
	if n == 0 {
		return client.StreamOptions{Since: client.Latest}, nil
	}
	return client.StreamOptions{Tail: n}, nil
}

// followInstance copies the streams of one instance until they end.
func (f *follower) followInstance(ctx context.Context, pid int) error {
	known := len(f.labels) > 0
	if !known {
		instance, err := f.cli.client.Instance(ctx, pid)
		switch {
		case err == nil:
			f.labels, known = outputsOf(instance), true
		case client.Code(err) != "not_found":
			return err
		default: // it has ended; its output may still be there
			f.labels = []string{"stdout", "stderr"}
		}
	}
	if len(f.labels) == 0 {
		return fmt.Errorf("pid %d: its output goes nowhere: redirect_output is empty", pid)
	}
	f.begin(ctx)
	var missing error
	for _, label := range f.labels {
		f.copy(pid, label, "pid "+strconv.Itoa(pid), f.enter, func(err error) bool {
			if code := client.Code(err); known || code != "io_not_found" && code != "io_not_redirected" {
				return false
			}
			f.cli.mu.Lock()
			defer f.cli.mu.Unlock()
			if missing != nil {
				return false // it has neither
			}
			missing = err
			return true
		})
	}
	f.copies.Wait()
	return f.end(nil)
}

// outputsOf are the streams that a person means by the output of an instance.
func outputsOf(i client.Instance) []string {
	return slices.DeleteFunc(slices.Clone(i.Streams), func(label string) bool {
		return slices.Contains(i.CustomStreams, label)
	})
}

// stdinCommand writes to a process what it is given.
func (c *cli) stdinCommand() *cobra.Command {
	var eof bool
	cmd := c.following("stdin [--eof] NAME|PID", "Send the standard input to a process", 1, 1,
		func(ctx context.Context, args []string) error {
			pid, err := c.onlyInstance(ctx, args[0])
			if err != nil {
				return err
			}
			in, release := c.input(ctx)
			defer release()
			written, err := c.client.WriteInput(ctx, pid, "stdin", in, eof)
			if err != nil {
				return c.explainInput(pid, written, err)
			}
			if c.asJSON() {
				return c.print(`{"ok": true, "written": %d}`, written)
			}
			return c.print("ok")
		})
	cmd.Long = "Send the standard input to a process that was created with redirect_input.\n\n" +
		"It ends when the input does and all of it is with the process, which may read\n" +
		"slowly. The process's stdin stays open unless --eof is given."
	cmd.Flags().BoolVar(&eof, "eof", false, "close the process's stdin afterwards")
	return c.complete(cmd, namesAndPids)
}

// explainInput says how far a write came, which matters to whoever repeats it.
func (c *cli) explainInput(pid int, written int64, err error) error {
	switch {
	case client.Code(err) == "forbidden_write":
		return fmt.Errorf("pid %d takes no input: create it with redirect_input", pid)
	case written > 0:
		return fmt.Errorf("after %d bytes: %w", written, err)
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("%w; some of the input may have been written", err)
	}
	return err
}

// onlyInstance is the pid that an argument names: by itself, or as the name of
// a process of which one instance is running.
func (c *cli) onlyInstance(ctx context.Context, arg string) (int, error) {
	if pid, ok := isPID(arg); ok {
		return pid, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pids, err := c.client.PIDs(ctx, arg)
	switch {
	case err != nil:
		return 0, err
	case len(pids) == 0:
		return 0, fmt.Errorf("%s is not running: start it with gafferctl start %s", arg, arg)
	case len(pids) > 1:
		return 0, fmt.Errorf("%s has %d running instances: choose one of the pids %s", arg, len(pids), list(pids))
	}
	return pids[0], nil
}

func list(pids []int) string {
	text := ""
	for i, pid := range pids {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(pid)
	}
	return text
}
