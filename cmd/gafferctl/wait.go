package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
)

// waitFlag is --wait or --wait=SECONDS.
type waitFlag struct{ text string }

func (w *waitFlag) add(cmd *cobra.Command) *cobra.Command {
	cmdline.Optional(cmd, &w.text, "wait", "SECONDS", "wait until it has happened, or so many seconds at most")
	return cmd
}

// waiting is the flag as the client wants it.
func (w *waitFlag) waiting() ([]client.Waiting, error) {
	switch w.text {
	case "":
		return nil, nil
	case "true":
		return []client.Waiting{client.Wait()}, nil
	}
	seconds, err := strconv.ParseFloat(w.text, 64)
	if err != nil || !(seconds > 0 && seconds < 1e9) {
		return nil, usagef("--wait %q: want a number of seconds, or nothing", w.text)
	}
	return []client.Waiting{client.WaitFor(time.Duration(seconds * float64(time.Second)))}, nil
}

// report prints what a command came to.
type report func() error

// change makes a subcommand that changes something and may be told to wait for
// it. doing is what it says meanwhile, with its first argument: "stopping".
func (c *cli) change(use, short, doing string, least, most int, do func(ctx context.Context, args []string, waits []client.Waiting) (report, error)) *cobra.Command {
	return c.changing(use, short, func(args []string) string {
		return strings.Join(append([]string{doing}, args[:min(1, len(args))]...), " ")
	}, least, most, func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
		ctx, cancel := patient(ctx, waits)
		defer cancel()
		return do(ctx, args, waits)
	})
}

// patient is ctx for a request that has patience, unless it is one that waits.
func patient(ctx context.Context, waits []client.Waiting) (context.Context, context.CancelFunc) {
	if waits != nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// changing is change with what it says meanwhile in the caller's hands.
func (c *cli) changing(use, short string, doing func(args []string) string, least, most int, do func(ctx context.Context, args []string, waits []client.Waiting) (report, error)) *cobra.Command {
	var wait waitFlag
	return wait.add(c.following(use, short, least, most, func(ctx context.Context, args []string) error {
		waits, err := wait.waiting()
		if err != nil {
			return err
		}
		stop := func() {}
		if waits != nil {
			stop = c.progress(doing(args))
		}
		tell, err := do(ctx, args, waits)
		stop()
		if err == nil {
			err = tell()
		}
		if err != nil && waits != nil && ctx.Err() != nil {
			return errGoesOn
		}
		return err
	}))
}

// progress shows on a terminal, after a moment, that something is under way,
// until the function that it returns is called.
func (c *cli) progress(what string) (stop func()) {
	if !isTerminal(c.stderr) {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	start := time.Now()
	go func() {
		defer close(gone)
		ticker := time.NewTicker(250 * time.Millisecond)
		defer ticker.Stop()
		for shown := false; ; shown = true {
			select {
			case <-ticker.C:
				fmt.Fprintf(c.stderr, "\r\x1b[K%s … %s", what, spanCell(time.Since(start)).shown)
			case <-done:
				if shown {
					fmt.Fprint(c.stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}
