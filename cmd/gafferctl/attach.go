package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) attachCommand() *cobra.Command {
	var tail, stream string
	cmd := c.following("attach [--stream STREAM] [--tail N|all] NAME|PID", "Connect the terminal to a process", 1, 1,
		c.whileRead(nil, func(ctx context.Context, args []string) error {
			enter, err := parseTail(tail)
			if err != nil {
				return err
			}
			pid, err := c.onlyInstance(ctx, args[0])
			if err != nil {
				return err
			}
			c.tellBack = true
			return c.attach(ctx, pid, client.AttachOptions{Stream: stream, Since: enter.Since, Tail: enter.Tail, Ready: c.back})
		}))
	cmd.Long = "Connect the standard input and output to a process that was created with\n" +
		"redirect_input.\n\n" +
		"On a terminal, lines are sent as they are entered; Ctrl-D closes the process's\n" +
		"stdin, Ctrl-C detaches and leaves the process as it is. An input that is not a\n" +
		"terminal is sent whole, then the process's stdin is closed. In either case its\n" +
		"output is shown until the process ends.\n\n" +
		"A broken connection is made again, and output and input go on where they were.\n" +
		"If others write to the same stdin, it may be unknown how much of the last input\n" +
		"has arrived: that is told then, and an input that is not a terminal ends there."
	cmd.Flags().StringVar(&stream, "stream", "", "show the output `STREAM` (the process's first)")
	cmd.Flags().StringVar(&tail, "tail", "0", "show the last `N` lines first, or all that is kept")
	return c.complete(cmd, namesAndPids)
}

func (c *cli) attach(ctx context.Context, pid int, o client.AttachOptions) error {
	a, err := c.client.Attach(ctx, pid, o)
	if err != nil {
		return c.explainInput(pid, 0, err)
	}
	defer a.Close()
	if isTerminal(c.stdin) {
		fmt.Fprintf(c.stderr, "Attached to pid %d. Ctrl-C detaches, Ctrl-D closes its input.\n", pid)
	}

	inner, cancel := context.WithCancelCause(ctx)
	var sending sync.WaitGroup
	sending.Go(func() {
		// Without input the output is still worth reading; it tells how it ends.
		if err := c.sendInput(inner, a); err != nil && inner.Err() == nil && !errors.Is(err, io.EOF) {
			cancel(err)
		}
	})
	err = c.showOutput(inner, a)
	cancel(nil)
	sending.Wait()
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(c.stderr, "\nDetached. Pid %d goes on.\n", pid)
		return nil
	case err != nil:
		return c.explainInput(pid, 0, err)
	}
	fmt.Fprintf(c.stderr, "Pid %d has ended: %s\n", pid, a.Reason())
	return nil
}

// sendInput sends the input to the process, and its end.
func (c *cli) sendInput(ctx context.Context, a *client.Attachment) error {
	in, release := c.input(ctx)
	defer release()
	buffer := make([]byte, 64<<10)
	for {
		n, err := in.Read(buffer)
		if n > 0 {
			if err := a.Send(ctx, buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			err := a.CloseInput(ctx)
			c.back() // also its own connection
			if client.Code(err) == "conflict" || client.Code(err) == "not_found" {
				return nil // it closed its input itself, or has ended
			}
			return err
		case err != nil:
			return err
		}
	}
}

// showOutput prints what the process does until its output ends.
func (c *cli) showOutput(ctx context.Context, a *client.Attachment) error {
	for {
		chunk, err := a.Receive(ctx)
		unsure, isUnsure := errors.AsType[*client.UnsureError](err)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case isUnsure && isTerminal(c.stdin): // whoever types sees what is missing
			fmt.Fprintf(c.stderr, "gafferctl: %v\n", unsure)
		case err != nil:
			return err
		case chunk.Missed > 0:
			fmt.Fprintf(c.stderr, "gafferctl: %d bytes were missed\n", chunk.Missed)
		}
		if _, err := c.stdout.Write(chunk.Data); err != nil {
			return err
		}
	}
}
