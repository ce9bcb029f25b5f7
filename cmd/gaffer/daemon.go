package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/internal/nearest"
)

// defaultEndpoint is where gafferd listens unless it is told otherwise.
const defaultEndpoint = "http://127.0.0.1:5000"

// answerTime bounds requests that have no reason to take long. One that waits
// for processes to stop takes as long as they do.
const answerTime = 30 * time.Second

// groupName is the part of a name before the ":".
var groupName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)

func (c *cli) url() string { return cmp.Or(c.endpoint, os.Getenv("GAFFER_URL"), defaultEndpoint) }

// dial makes a client for the daemon.
func (c *cli) dial() (*client.Client, error) {
	var options []client.Option
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, usagef("--token-file: %w", err)
		}
		options = append(options, client.WithToken(string(bytes.TrimSpace(token))))
	} else if token := os.Getenv("GAFFER_TOKEN"); token != "" {
		options = append(options, client.WithToken(token))
	}
	d, err := client.New(c.url(), options...)
	if err != nil {
		return nil, usageError{err}
	}
	return d, nil
}

// onDaemon is a command's work at a daemon, which a signal interrupts.
func (c *cli) onDaemon(work func(ctx context.Context, d *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		d, err := c.dial()
		if err != nil {
			return err
		}
		defer d.CloseIdleConnections()
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
		err = work(ctx, d, args)
		if err != nil && ctx.Err() != nil {
			return errors.New("interrupted: what the daemon was asked for goes on")
		}
		return err
	}
}

// explain tells what went wrong and, where that is known, what to do.
func (c *cli) explain(err error) string {
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return cmp.Or(cmdline.Unreachable(err, c.url(), "--endpoint"), err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("gafferd at %s did not answer within %v", c.url(), answerTime)
	case client.Code(err) == "unauthorized":
		return fmt.Sprintf("%v: give an access token with --token-file or $GAFFER_TOKEN", err)
	}
	return err.Error()
}

// member is a process of a group at the daemon.
type member struct {
	client.Info
	short string // its name in the Procfile
}

// origin is the Procfile that the process was loaded from, if it was.
func (m member) origin() string { return m.Env[originName] }

// members are the processes of a group at the daemon, in their order.
func members(ctx context.Context, d *client.Client, group string) ([]member, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	infos, err := d.Infos(ctx)
	if err != nil {
		return nil, err
	}
	var all []member
	for _, info := range infos {
		if short, ok := strings.CutPrefix(info.Name, group+":"); ok {
			all = append(all, member{info, short})
		}
	}
	return all, nil
}

// groups are those of the daemon, but for what was run once: that is nobody's group.
func groups(ctx context.Context, d *client.Client) (all []string, err error) {
	infos, err := d.Infos(ctx)
	for _, info := range infos {
		group, _, _ := strings.Cut(info.Name, ":")
		if !info.Once && !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all, err
}

// loaded are those members of a group that were loaded from a Procfile, of which
// there are some. instead is the command for others.
func (c *cli) loaded(ctx context.Context, d *client.Client, group, instead string) ([]member, error) {
	all, err := members(ctx, d, group)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 {
		all = slices.DeleteFunc(all, func(m member) bool { return m.origin() == "" })
		if len(all) == 0 {
			return nil, fmt.Errorf("nothing of group %s was loaded from a Procfile: use %s", group, instead)
		}
		return all, nil
	}
	others, err := groups(ctx, d)
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("gafferd at %s has no process in group %s (load makes it)%s", c.url(), group, nearest.Hint(group, others))
}
