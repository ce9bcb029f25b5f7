package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
)

// scopes are what a token can allow.
var scopes = []string{"read", "write", "control", "admin"}

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "token add|list|revoke",
		Short:                 "Make, list and revoke access tokens",
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s", cmdline.Unknown(cmd, args[0]))
			}
			return usagef("token wants a command: add, list or revoke")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(c.tokenAddCommand(), c.tokenListCommand(), c.complete(c.command("revoke NAME", "Make a token good for nothing", 1, 1,
		func(ctx context.Context, args []string) error {
			if err := c.client.RevokeToken(ctx, args[0]); err != nil {
				return err
			}
			return c.ok()
		}), tokenNames))
	return cmd
}

func (c *cli) tokenAddCommand() *cobra.Command {
	var token client.NewToken
	var expires string
	cmd := c.command("add NAME --scope SCOPE[,SCOPE…] [--only PATTERN[,PATTERN…]] [--expires TIME] [--subject SUBJECT]", "Make a token and print it, this once", 1, 1,
		func(ctx context.Context, args []string) (err error) {
			token.Name = args[0]
			if len(token.Scope) == 0 {
				return usagef("--scope is missing: want read, write, control or admin, or several of them")
			}
			for _, scope := range token.Scope {
				if !slices.Contains(scopes, scope) {
					return usagef("--scope %q: want read, write, control or admin, or several with commas between them", scope)
				}
			}
			if token.Expires, err = parseLife(expires); err != nil {
				return err
			}
			secret, err := c.client.AddToken(ctx, token)
			switch {
			case err != nil:
				return err
			case c.asJSON():
				return c.print(`{"ok": true, "name": %q, "token": %q}`, token.Name, secret)
			case secret == "":
				return c.ok()
			}
			return c.print("%s", secret)
		})
	cmd.Long = cmd.Short + `.

  read     status, streams, logs, events
  write    the input of processes
  control  start, stop, scale, signal
  admin    all of these, and create, update, delete, tokens, reload

--only limits the token to processes whose names match one of the patterns, in
which * is any number of characters and ? is one. With --subject no token is
printed: a client certificate of that subject stands for it.`
	cmd.Example = `  gafferctl token add ci --scope control,read --only 'shop:*' --expires 24h >ci.token
  gafferctl --token-file ci.token restart shop:web`
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&token.Scope, "scope", nil, "what it allows: `read|write|control|admin`, or several with commas between them")
	f.StringSliceVar(&token.Only, "only", nil, "the processes that it is for, such as `'shop:*'` (all)")
	f.StringVar(&expires, "expires", "", "how long it is good, such as `24h` or 30d (for ever)")
	f.StringVar(&token.Subject, "subject", "", "the client certificate that stands for it, as in `CN=ci,O=Example`")
	if err := cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions(scopes, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	return cmd
}

// parseLife reads how long a token is to be good.
func parseLife(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	life, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		life = time.Duration(min(n, 200*366)) * 24 * time.Hour
	}
	if err != nil || life <= 0 {
		return 0, usagef("--expires %q: want a time such as 24h or 30d", text)
	}
	return life, nil
}

func (c *cli) tokenListCommand() *cobra.Command {
	return c.command("list", "List the tokens", 0, 0, func(ctx context.Context, _ []string) error {
		if c.asJSON() {
			return c.raw(ctx, "/tokens", nil)
		}
		all, err := c.client.Tokens(ctx)
		if err != nil {
			return err
		}
		t := table{head: []string{"NAME", "SCOPE", "ONLY", "EXPIRES", "SUBJECT"}}
		for _, token := range all {
			expires := cell{shown: "never", raw: ""}
			if !token.ExpiresAt.IsZero() {
				expires = same(token.ExpiresAt.UTC().Format(time.RFC3339))
			}
			only := cell{shown: "everything", raw: ""}
			if len(token.Only) > 0 {
				only = same(strings.Join(token.Only, ","))
			}
			t.rows = append(t.rows, []cell{same(token.Name), same(strings.Join(token.Scope, ",")), only, expires, same(token.Subject)})
		}
		return c.table(t)
	})
}
