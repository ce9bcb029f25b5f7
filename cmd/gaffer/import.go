package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/importer"
	"github.com/gafferd/gaffer/internal/nearest"
)

func (c *cli) importCommand() *cobra.Command {
	formats := importer.Formats()
	return &cobra.Command{
		Use:   "import " + strings.Join(formats, "|") + " FILE",
		Short: "Make a configuration of gafferd of that of another supervisor",
		Long: `Make a gaffer.yaml of a file that is written for another supervisor: supervisord.conf, an
ecosystem file of pm2's as JSON or YAML, or process-compose.yaml. It goes to the standard
output. What has no counterpart is told on the standard error, each with its line and what
to do about it. A file that cannot be understood is refused, with all that is wrong with it.

Put the result into the folder of FILE: paths that are relative stay so.`,
		Example: `  gaffer import supervisord /etc/supervisor/supervisord.conf >gaffer.yaml
  gaffer import pm2 ecosystem.json >gaffer.yaml
  gafferd --check gaffer.yaml`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("want one of %s, and a file", strings.Join(formats, ", "))
			case !slices.Contains(formats, args[0]):
				return usagef("there is no format %q%s", args[0], nearest.Hint(args[0], formats))
			case len(args) == 1:
				return usagef("want the file of %s too", args[0])
			case len(args) > 2:
				return usagef("%q is one argument too many", args[2])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			result, err := importer.Import(args[0], args[1])
			for _, w := range result.Warnings {
				fmt.Fprintf(c.stderr, "gaffer: warning: %v\n", w)
			}
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(result.YAML)
			return err
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return formats, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
