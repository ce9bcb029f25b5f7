package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	say := func(format string, args ...any) { fmt.Fprintf(c.stderr, "gafferctl: "+format+"\n", args...) }
	code, isCode := errors.AsType[exitCode](err)
	wrong, isUsage := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitOK
	case isCode:
		return int(code)
	case isUsage:
		say("%v", wrong)
		fmt.Fprintf(c.stderr, "Usage: %s\nTry 'gafferctl help%s'.\n", cmd.UseLine(), strings.TrimPrefix(cmd.CommandPath(), "gafferctl"))
		return exitUsage
	case ctx.Err() != nil:
		say("interrupted")
		return exitFailed
	case errors.Is(err, client.ErrUnreachable):
		say("%s", c.explainUnreachable(err))
		return exitUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		say("gafferd at %s did not answer within %v", c.address(), patience)
		return exitUnreachable
	case errors.Is(err, client.ErrNotDone):
		say("it is under way, but was not done within the time given to --wait")
		return exitFailed
	case client.Code(err) == "unauthorized":
		say("%v: give an access token with --token-file or $GAFFER_TOKEN", err)
		return exitFailed
	}
	say("%v%s", err, c.meant(ctx, cmd, err))
	return exitFailed
}

// meant is the hint to somebody who has named a process that there is not.
func (c *cli) meant(ctx context.Context, cmd *cobra.Command, err error) string {
	args := cmd.Flags().Args()
	if client.Code(err) != "not_found" || len(args) == 0 || !strings.Contains(err.Error(), strconv.Quote(args[0])) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	all, err := names(ctx, c.client)
	defer c.client.CloseIdleConnections()
	if err != nil {
		return "" // what was asked for is told anyway
	}
	return nearest.Hint(args[0], all)
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
