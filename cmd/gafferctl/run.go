package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/internal/nearest"
)

// Exit codes, which scripts rely on.
const (
	exitOK          = 0
	exitFailed      = 1 // the daemon said no, or it went wrong here
	exitUsage       = 2
	exitUnreachable = 3
)

// run is the whole program: it carries out one command line and returns the
// exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmdline.SetCompletion(root, usagef)
	cmd, err := root.ExecuteContextC(ctx)
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	return c.report(ctx, cmd, err)
}

// usageError is a command line that means nothing.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// report tells the user what went wrong and what to do about it.
func (c *cli) report(ctx context.Context, cmd *cobra.Command, err error) int {
	code, isCode := errors.AsType[exitCode](err)
	wrong, isUsage := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitOK
	case isCode:
		return int(code)
	case isUsage:
		c.complain(wrong.problem)
		fmt.Fprintf(c.stderr, "Usage: %s\nTry 'gafferctl help%s'.\n", cmd.UseLine(), strings.TrimPrefix(cmd.CommandPath(), "gafferctl"))
		return exitUsage
	}
	problem, failed := c.explain(ctx, err)
	c.complain(problem)
	return failed
}

func (c *cli) complain(problem string) { fmt.Fprintf(c.stderr, "gafferctl: %s\n", problem) }

// errGoesOn is that nobody waits any more for what was asked for.
var errGoesOn = errors.New("interrupted: what was asked for goes on")

// explain says what an error comes from, and what to do about it, and which exit
// code it is.
func (c *cli) explain(ctx context.Context, err error) (problem string, code int) {
	switch {
	case errors.Is(err, errGoesOn):
		return err.Error(), exitFailed
	case ctx.Err() != nil:
		return "interrupted", exitFailed
	case errors.Is(err, client.ErrUnreachable):
		return c.explainUnreachable(err), exitUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("gafferd at %s did not answer within %v", c.address(), patience), exitUnreachable
	case errors.Is(err, client.ErrNotDone):
		return "it is under way, but was not done within the time given to --wait", exitFailed
	case client.Code(err) == "unauthorized":
		return fmt.Sprintf("%v: give an access token with --token-file or $GAFFER_TOKEN", err), exitFailed
	}
	return err.Error() + c.meant(ctx, err), exitFailed
}

// meant is the hint to somebody who has named what there is not.
func (c *cli) meant(ctx context.Context, err error) string {
	if client.Code(err) != "not_found" || c.cmd == nil || c.takes[c.cmd] == nil {
		return ""
	}
	args := c.cmd.Flags().Args()
	at := slices.IndexFunc(args, func(arg string) bool { return strings.Contains(err.Error(), strconv.Quote(arg)) })
	if at < 0 {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	defer c.client.CloseIdleConnections()
	all, err := c.takes[c.cmd](ctx, c.client)
	if err != nil {
		return "" // what was asked for is told anyway
	}
	known := named(all)
	if infos, err := c.client.Infos(ctx); err == nil {
		for _, info := range infos {
			if isOver(info) {
				known = slices.DeleteFunc(known, func(name string) bool { return name == info.Name })
			}
		}
	}
	if slices.ContainsFunc(known, func(name string) bool { return strings.HasPrefix(name, args[at]+":") }) {
		hint := ": it is a group"
		if group, _, err := c.cmd.Root().Find([]string{"groups", c.cmd.Name()}); err == nil && group.Name() == c.cmd.Name() {
			hint += fmt.Sprintf(", for which there is gafferctl groups %s %s", c.cmd.Name(), args[at])
		}
		return hint
	}
	return nearest.Hint(args[at], known)
}

// explainUnreachable says why the daemon cannot be reached, or better, what to
// do about it.
func (c *cli) explainUnreachable(err error) string {
	if isCertificate(err) {
		return fmt.Sprintf("%v: name the authority that signed its certificate with --cacert", err)
	}
	return cmp.Or(cmdline.Unreachable(err, c.address(), "--connect"), err.Error())
}

func isCertificate(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
