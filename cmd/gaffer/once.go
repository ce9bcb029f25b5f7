package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/procfile"
)

func (c *cli) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run CMD…",
		Short: "Run a command, or one process, with the application's environment",
		Long: `Run a command with the application's environment. It takes gaffer's place: the terminal,
signals and the exit code are its own. The name of a process alone runs what the Procfile
says, as its first instance.`,
		Example: `  gaffer run env
  gaffer run -- ./manage migrate --all
  gaffer run web`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("there is no command to run")
			}
			return nil
		},
		RunE:              func(_ *cobra.Command, args []string) error { return c.once(args) },
		ValidArgsFunction: c.completeNames,
	}
	cmd.Flags().SetInterspersed(false) // what follows the command is the command's
	return cmd
}

// once becomes the command: it returns only if that fails.
func (c *cli) once(args []string) error {
	env, err := procfile.Environment(c.files)
	if err != nil {
		return err
	}
	dir := c.files.Root
	name, isCommand := args[0], len(args) > 1 // then whatever the Procfile is
	app, i, err := c.process(name)
	switch {
	case isCommand:
	case err != nil:
		return err
	case app != nil:
		if err := app.CheckPorts(procfile.Formation{}.Only(args).Of); err != nil {
			return err
		}
		args, dir = []string{"sh", "-c", app.Entries[i].Command}, app.Root
		env["PORT"], env["PS"] = strconv.Itoa(app.Port(i)), app.Entries[i].Name+".1"
	}
	if dir != "" {
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	err = become(args)
	if e, ok := errors.AsType[*exitError](err); ok && e.code == notFound && isCommand && app != nil {
		e.error = fmt.Errorf("run %s: there is no such program, and %[1]s of the Procfile takes no arguments here: gaffer run %[1]s", name)
	}
	return err
}

// notFound is the exit code that a shell has for a command that is not there.
const notFound = 127

// process finds the process of a name in the Procfile. There need be neither.
func (c *cli) process(name string) (app *procfile.App, i int, err error) {
	app, err = procfile.Open(c.files)
	switch {
	case errors.Is(err, procfile.ErrNoProcfile) && c.files.Procfile == "":
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	if i, err = app.Index(name); err != nil {
		return nil, 0, nil // it is a command then
	}
	return app, i, nil
}

// become runs a command in the place of this program.
func become(args []string) error {
	program, err := exec.LookPath(args[0]) // in the PATH that it will have
	if err == nil {
		err = syscall.Exec(program, args, os.Environ())
	}
	code := 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = notFound
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	return &exitError{code, fmt.Errorf("run %s: %w", args[0], err)}
}
