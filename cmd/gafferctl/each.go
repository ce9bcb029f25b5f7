package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

// maxTogether is how many of its arguments a command waits for at a time.
const maxTogether = 32

// each makes a subcommand that does the same to all of its arguments: one after
// the other, or those that it is to wait for together. One that fails keeps no other
// from being done.
func (c *cli) each(use, short, doing string, do func(ctx context.Context, arg string, waits []client.Waiting) error) *cobra.Command {
	meanwhile := func(args []string) string {
		if len(args) > 1 {
			return fmt.Sprintf("%s %s and %d more", doing, args[0], len(args)-1)
		}
		return doing + " " + args[0]
	}
	one := func(ctx context.Context, arg string, waits []client.Waiting) error {
		ctx, cancel := patient(ctx, waits)
		defer cancel()
		return do(ctx, arg, waits)
	}
	return c.changing(use, short, meanwhile, 1, -1, func(ctx context.Context, args []string, waits []client.Waiting) (report, error) {
		if len(args) == 1 {
			return c.ok, one(ctx, args[0], waits)
		}
		together := 1
		if waits != nil {
			together = maxTogether
		}
		results := make([]error, len(args))
		var doers sync.WaitGroup
		room := make(chan struct{}, together)
		for i, arg := range args {
			room <- struct{}{}
			doers.Go(func() {
				results[i] = one(ctx, arg, waits)
				<-room
			})
		}
		doers.Wait()
		return func() error { return c.tellEach(ctx, args, results) }, nil
	})
}

// tellEach prints what became of each argument. What is true of all that failed
// is told once, by the error.
func (c *cli) tellEach(ctx context.Context, args []string, results []error) error {
	var failed error
	for i, arg := range args {
		err := results[i]
		switch {
		case err == nil && c.asJSON():
			err = c.print(`{"name": %q, "ok": true}`, arg)
		case err == nil:
			err = c.print("%s: ok", arg)
		case errors.Is(err, client.ErrUnreachable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			failed = err
			continue
		default:
			problem, code := c.explain(ctx, err)
			if !strings.Contains(problem, strconv.Quote(arg)) {
				problem = arg + ": " + problem
			}
			c.complain(problem)
			if failed == nil {
				failed = exitCode(code)
			}
			continue
		}
		if err != nil {
			return err // nothing can be printed
		}
	}
	return failed
}
