package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) unloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unload [GROUP]",
		Short: "Stop and forget the processes that were loaded",
		Long: `Stop and forget the processes of a group that were loaded from a Procfile, and wait until
they are gone. Others of the group are left alone. GROUP is the name of the folder
unless it is given.`,
		Args: atMost(1),
		RunE: c.onDaemon(func(ctx context.Context, d *client.Client, args []string) error {
			group, err := c.group(args)
			if err != nil {
				return err
			}
			there, err := c.loaded(ctx, d, group, "gafferctl groups del "+group)
			if err != nil {
				return err
			}
			var names []string
			for _, m := range there {
				names = append(names, m.Name)
			}
			return c.remove(ctx, d, names)
		}),
		ValidArgsFunction: c.completeGroups,
	}
}

// atOnce is how many deletions are waited for at the same time.
const atOnce = 16

// remove deletes processes and waits until they are gone.
func (c *cli) remove(ctx context.Context, d *client.Client, names []string) error {
	progress := c.counter("unloading", len(names))
	slots := make(chan struct{}, atOnce)
	var work sync.WaitGroup
	var mu sync.Mutex // guards progress and errs
	var errs []error
	for _, name := range names {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			err := d.Delete(ctx, name, client.Wait())
			mu.Lock()
			defer mu.Unlock()
			progress.step(func() {
				if err != nil && client.Code(err) != "not_found" {
					errs = append(errs, fmt.Errorf("%s: %w", name, err))
					return
				}
				fmt.Fprintln(c.stdout, name, "deleted")
			})
		})
	}
	work.Wait()
	return errors.Join(errs...)
}
