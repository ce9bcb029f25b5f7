package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/internal/procfile"
	"github.com/gafferd/gaffer/internal/wholefile"
)

// formats are what export can write.
var formats = []string{"ini", "json", "yaml", "systemd"}

func (c *cli) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export ini|json|yaml|systemd [FILE]",
		Short: "Write the application as a configuration of gafferd, or as units of systemd",
		Long: `Write the application as a configuration of gafferd, or as units of systemd: to FILE, or to
the standard output. The units are several, and FILE is a folder for them. What is written
has the environment in it, and so is readable for you alone.`,
		Example: `  gaffer export yaml gaffer.yaml
  gaffer export systemd units -c web=2`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("want one of %s", strings.Join(formats, ", "))
			case !slices.Contains(formats, args[0]):
				return usagef("there is no format %q%s", args[0], nearest.Hint(args[0], formats))
			case len(args) > 2:
				return usagef("%q is one argument too many", args[2])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			app, formation, err := c.app()
			if err != nil {
				return err
			}
			group, err := c.files.Group()
			if err != nil {
				return err
			}
			to := ""
			if len(args) == 2 {
				to = args[1]
			}
			if args[0] == "systemd" {
				return c.exportUnits(app, group, formation, to)
			}
			return c.exportFile(app, group, formation, args[0], to)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return formats, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func (c *cli) exportUnits(app *procfile.App, group string, f procfile.Formation, dir string) error {
	units, err := app.Units(group, f, unitUser())
	if err != nil {
		return err
	}
	if dir == "" {
		for i, u := range units {
			if i > 0 {
				fmt.Fprintln(c.stdout)
			}
			if _, err := fmt.Fprintf(c.stdout, "# %s\n%s", u.Name, u.Text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, u := range units {
		if err := writeFile(filepath.Join(dir, u.Name), []byte(u.Text)); err != nil {
			return err
		}
	}
	return nil
}

// unitUser is whom the units run as: whoever writes them. Root has no need to
// say so.
func unitUser() string {
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		return u.Username
	}
	return ""
}

// writeFile replaces a file whole, and for its owner alone.
func writeFile(name string, text []byte) error {
	folder, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer folder.Close()
	return wholefile.Replace(folder, filepath.Base(name), text)
}
