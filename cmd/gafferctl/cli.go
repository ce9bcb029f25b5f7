package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/internal/version"
)

// defaultAddress is where gafferd listens unless it is told otherwise.
const defaultAddress = "http://127.0.0.1:5000"

// patience bounds requests that have no reason to take long. It is a variable
// for tests.
var patience = 30 * time.Second

// cli is one run of the program: what it was given, and the client for it.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	connect                   string
	certfile, keyfile, cacert string
	tokenFile                 string
	output                    string

	client *client.Client // set by dial

	cmd   *cobra.Command                // the one that runs
	takes map[*cobra.Command]completion // what their first arguments are, of those that have some

	mu       sync.Mutex // guards what follows, and the order of what feeds print
	lastTold time.Time  // when a lost connection was last mentioned
	tellBack bool       // mention it once, and also that it is back
	told     bool       // it was mentioned, and it is not back
}

// root is the command line: flags for all commands, and the commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "gafferctl [--connect URL] COMMAND",
		Short:         "Control the processes that gafferd runs",
		Version:       version.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		// Else [flags] would follow.
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if args[0] == "shutdown" { // supervisorctl's
				return usagef("there is no command \"shutdown\": to stop the daemon, send gafferd a SIGTERM, or run systemctl stop gafferd")
			}
			return usagef("%s", cmdline.Unknown(cmd, args[0]))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return c.checkOutput()
		},
	}
	root.SetVersionTemplate(version.Line("gafferctl"))
	root.Flags().Bool("version", false, "print gafferctl's version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usagef("%v", cmdline.UnknownFlag(cmd, err)) })
	f := root.PersistentFlags()
	f.StringVar(&c.connect, "connect", "", "`URL` of the daemon: http://, https:// or unix:///path (default $GAFFER_URL or "+defaultAddress+")")
	f.StringVar(&c.certfile, "certfile", "", "client certificate, a PEM `FILE`")
	f.StringVar(&c.keyfile, "keyfile", "", "key of the client certificate, a PEM `FILE`")
	f.StringVar(&c.cacert, "cacert", "", "authorities that may have signed the daemon's certificate, a PEM `FILE`")
	f.StringVar(&c.tokenFile, "token-file", "", "`FILE` with an access token (default $GAFFER_TOKEN holds one)")
	f.StringVarP(&c.output, "output", "o", "", "print as `table|json|plain` (default table on a terminal, else plain)")
	c.addCommands(root)
	cmdline.SetHelp(root, usagef)
	for name, values := range map[string][]string{"output": outputs, "connect": nil} {
		if err := root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flag is there
		}
	}
	return root
}

func (c *cli) address() string {
	return cmp.Or(c.connect, os.Getenv("GAFFER_URL"), defaultAddress)
}

// dial makes the client that the flags describe.
func (c *cli) dial() error {
	options := []client.Option{client.WithRetryHook(c.lost)}
	if c.certfile != "" || c.keyfile != "" || c.cacert != "" {
		options = append(options, client.WithCertificates(c.certfile, c.keyfile, c.cacert))
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return usagef("--token-file: %v", err)
		}
		if token = bytes.TrimSpace(token); len(token) == 0 {
			return usagef("--token-file: %s is empty", c.tokenFile)
		}
		options = append(options, client.WithToken(string(token)))
	} else if token := os.Getenv("GAFFER_TOKEN"); token != "" {
		options = append(options, client.WithToken(token))
	}
	var err error
	if c.client, err = client.New(c.address(), options...); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// lost tells, now and then, that a feed is being connected again.
func (c *cli) lost(err error, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pause > 0 && !c.told && time.Since(c.lastTold) > 5*time.Second {
		c.lastTold, c.told = time.Now(), c.tellBack
		fmt.Fprintf(c.stderr, "gafferctl: %v; trying again\n", err)
	}
}

// expectLoss keeps lost from telling for a moment: the connection is going to be
// lost because that is what was asked for.
func (c *cli) expectLoss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastTold = time.Now()
}

// back tells that a feed is connected again, if it was told that it was not.
func (c *cli) back() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told {
		c.told = false
		fmt.Fprintln(c.stderr, "gafferctl: connected again")
	}
}

// action is what a command does once its arguments are counted.
type action func(ctx context.Context, args []string) error

// command makes a subcommand that takes least to most arguments; most < 0 is
// any number. Its requests have no reason to take long: see following.
func (c *cli) command(use, short string, least, most int, do action) *cobra.Command {
	return c.following(use, short, least, most, func(ctx context.Context, args []string) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return do(ctx, args)
	})
}

// following makes a subcommand that may take as long as it likes.
func (c *cli) following(use, short string, least, most int, do action) *cobra.Command {
	return &cobra.Command{
		Use:                   use,
		Short:                 short,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return usagef("an argument is missing")
			case most >= 0 && len(args) > most:
				return usagef("%q is one argument too many", args[most])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c.cmd = cmd
			if err := c.dial(); err != nil {
				return err
			}
			return do(cmd.Context(), args)
		},
	}
}

// whileRead is do for what prints whatever comes: it ends also when nobody reads that
// any more. Unless lasts is nil, it says whether do does so this time: what prints
// what there is meets a broken pipe soon enough.
func (c *cli) whileRead(lasts *bool, do action) action {
	return func(ctx context.Context, args []string) error {
		if lasts != nil && !*lasts {
			return do(ctx, args)
		}
		ctx, release := cmdline.WhileRead(ctx, c.stdout)
		defer release()
		err := do(ctx, args)
		if context.Cause(ctx) == cmdline.ErrUnread {
			return exitCode(exitFailed)
		}
		return err
	}
}
