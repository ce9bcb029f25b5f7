package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/internal/procfile"
	"github.com/gafferd/gaffer/internal/version"
)

// Exit codes. A process that fails under start, and what run runs, give theirs.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// usageError is a command line that means nothing.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	error
}

// cli is one run of the program.
type cli struct {
	stdout, stderr io.Writer

	files     procfile.Files
	formation string
	endpoint  string
	tokenFile string
}

// run is the whole program: it carries out one command line and returns the
// exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &cli{stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmdline.SetCompletion(root, usagef)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(c.explain(err)) {
		fmt.Fprintf(stderr, "gaffer: %s\n", strings.TrimRight(line, "\n"))
	}
	own, isOwn := errors.AsType[*exitError](err)
	_, isUsage := errors.AsType[usageError](err)
	switch {
	case isOwn:
		return own.code
	case isUsage:
		fmt.Fprintf(stderr, "Usage: %s\nTry 'gaffer help%s'.\n", cmd.UseLine(), strings.TrimPrefix(cmd.CommandPath(), "gaffer"))
		return exitUsage
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailed
}

// root is the command line: flags for all commands, and the commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gaffer COMMAND",
		Short: "Run the application that a Procfile describes",
		Long: `gaffer runs the application that a Procfile describes: in the foreground while you
work on it (start), or in a gafferd that goes on without you (load).

A line of a Procfile is "name: command". Variables in .env beside it, and in each
file given with -e, are in the environment of every command.

gaffer exits with 0, with 1 for an error, with 2 for wrong usage, and with 3 when the
gafferd cannot be reached; what fails under start, and what run runs, give their own.`,
		Version:       version.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		// Else [flags] would follow.
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if slices.Contains(ofGafferctl, args[0]) {
				return usagef("there is no command %q here: gafferctl %[1]s does that with what load has given to a gafferd", args[0])
			}
			return usagef("%s", cmdline.Unknown(cmd, args[0]))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate(version.Line("gaffer"))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{cmdline.UnknownFlag(cmd, err)} })
	f := root.PersistentFlags()
	root.Flags().SortFlags = false
	f.StringVarP(&c.files.Procfile, "procfile", "f", "", "the Procfile is `FILE` (default: Procfile in the root)")
	f.StringVarP(&c.files.Root, "root", "d", "", "commands run in the folder `ROOT` (default: that of the Procfile)")
	f.StringArrayVarP(&c.files.Env, "env", "e", nil, "read variables from `FILE` too; may be given several times")
	f.StringVarP(&c.formation, "concurrency", "c", "", "how many of each: `web=2,worker=1`; all=0 for those not named (default 1)")
	f.StringVar(&c.endpoint, "endpoint", "", "`URL` of the gafferd: http://, https:// or unix:///path (default $GAFFER_URL or "+defaultEndpoint+")")
	f.StringVar(&c.tokenFile, "token-file", "", "`FILE` with an access token for the gafferd (default $GAFFER_TOKEN holds one)")
	root.Flags().Bool("version", false, "show the version")
	root.AddCommand(
		c.startCommand(), c.runCommand(),
		c.loadCommand(), c.unloadCommand(), c.psCommand(), c.scaleCommand(),
		c.exportCommand(), c.importCommand(),
	)
	calledElsewhere(root)
	cmdline.SetHelp(root, usagef)
	return root
}

// ofGafferctl are commands that are looked for here and are gafferctl's.
var ofGafferctl = []string{"attach", "logs", "restart", "stats", "watch", "why"}

// calledElsewhere has what commands are called in other managers of Procfiles, and
// by habit, answered with what they are called here.
func calledElsewhere(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "start":
			cmd.SuggestFor = []string{"up"}
		case "unload":
			cmd.SuggestFor = []string{"stop", "down", "kill", "quit"}
		case "ps":
			cmd.SuggestFor = []string{"status", "list", "ls", "check"}
		}
	}
}

// atMost has a command refuse more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%q is one argument too many", args[n])
		}
		return nil
	}
}

// app reads the application, and how many of each process there should be.
func (c *cli) app() (*procfile.App, procfile.Formation, error) {
	app, err := procfile.Open(c.files)
	if err != nil {
		return nil, procfile.Formation{}, err
	}
	formation, err := app.ParseFormation(c.formation)
	if err != nil {
		return nil, procfile.Formation{}, usagef("-c: %w", err)
	}
	return app, formation, nil
}

// group is the group that a command is about: its argument, else the name of
// the folder.
func (c *cli) group(args []string) (string, error) {
	if len(args) == 0 {
		return c.files.Group()
	}
	if !groupName.MatchString(args[0]) {
		return "", usagef("%q cannot be the name of a group: want letters, digits and any of _ . @ + -", args[0])
	}
	return args[0], nil
}
