package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/procfile"
)

// originName is the variable that tells which Procfile a process was loaded
// from. What does not have it is not this program's to change or delete.
const originName = "GAFFER_PROCFILE"

func (c *cli) loadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "load [GROUP]",
		Short: "Have a gafferd run the processes, or bring it up to date",
		Long: `Have a gafferd run the processes, as GROUP:NAME and in the order of the Procfile. GROUP is
the name of the folder unless it is given.

Loading again changes what has changed: a process with another command or environment is
replaced, one instance after the other; one that is new starts; one that has gone from
the Procfile is deleted; all others are left alone. Numbers stay as they were scaled
unless -c gives them, and what was stopped stays stopped.`,
		Args: atMost(1),
		RunE: c.onDaemon(func(ctx context.Context, d *client.Client, args []string) error {
			group, err := c.group(args)
			if err != nil {
				return err
			}
			app, formation, err := c.app()
			if err != nil {
				return err
			}
			there, err := members(ctx, d, group)
			if err != nil {
				return err
			}
			steps, err := plan(app, formation, group, there)
			if err != nil {
				return err
			}
			return c.carryOut(ctx, d, steps)
		}),
		ValidArgsFunction: c.completeGroups,
	}
}

// step is what loading does about one process.
type step struct {
	name        string
	verb        string         // created, updated, scaled, unchanged or deleted
	description map[string]any // what the daemon is sent
	number      int
}

// plan compares the Procfile with what the daemon has. It refuses to take over
// what is not of this Procfile.
func plan(app *procfile.App, f procfile.Formation, group string, there []member) ([]step, error) {
	var steps []step
	var errs []error
	numbers := map[string]int{}
	for i, e := range app.Entries {
		name := group + ":" + e.Name
		description := app.Description(i, name, f.Of(e.Name))
		description["env"].(map[string]string)[originName] = app.Procfile
		numbers[e.Name] = f.Of(e.Name)
		at := slices.IndexFunc(there, func(m member) bool { return m.Name == name })
		if at < 0 {
			steps = append(steps, step{name, "created", description, f.Of(e.Name)})
			continue
		}
		old := there[at]
		if err := foreign(old, app.Procfile, group); err != nil {
			errs = append(errs, err)
			continue
		}
		number, given := f.Given(e.Name)
		if !given && old.NumProcesses != nil {
			number = *old.NumProcesses
		}
		description["numprocesses"] = number
		numbers[e.Name] = number
		verb := "unchanged"
		switch {
		case !sameProgram(description, old.Process):
			verb = "updated"
		case old.NumProcesses == nil || *old.NumProcesses != number:
			verb = "scaled"
		}
		steps = append(steps, step{name, verb, description, number})
	}
	if err := app.CheckPorts(func(name string) int { return numbers[name] }); err != nil {
		errs = append(errs, err)
	}
	for _, old := range there {
		_, err := app.Index(old.short)
		if err != nil && old.origin() == app.Procfile {
			steps = append(steps, step{name: old.Name, verb: "deleted"})
		}
	}
	return steps, errors.Join(errs...)
}

// foreign is why a process cannot be changed on behalf of a Procfile.
func foreign(m member, file, group string) error {
	switch m.origin() {
	case file:
		return nil
	case "":
		return fmt.Errorf("%s is there already, and not from a Procfile: load under another name than %s", m.Name, group)
	}
	return fmt.Errorf("%s is there already, from %s: unload that first, or load under another name than %s", m.Name, m.origin(), group)
}

// sameProgram reports whether the daemon has every property of a description,
// but for the number of instances.
func sameProgram(description map[string]any, has client.Process) bool {
	a, b := plain(description), plain(has)
	for property, value := range a {
		if property != "numprocesses" && !reflect.DeepEqual(value, b[property]) && !(isEmpty(value) && b[property] == nil) {
			return false
		}
	}
	return true
}

// plain is a value as it is in JSON.
func plain(v any) map[string]any {
	var object map[string]any
	if text, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(text, &object) // of our own making
	}
	return object
}

func isEmpty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// carryOut takes the steps in their order. One that fails does not keep the
// others from being taken.
func (c *cli) carryOut(ctx context.Context, d *client.Client, steps []step) error {
	progress := c.counter("loading", len(steps))
	var errs []error
	for _, s := range steps {
		err := s.take(ctx, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		progress.step(func() {
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
				return
			}
			fmt.Fprintf(c.stdout, "%s %s\n", s.name, s.verb)
		})
		if errors.Is(err, client.ErrUnreachable) {
			break // and so would be the rest
		}
	}
	return errors.Join(errs...)
}

// take waits until a new process runs, so that the next one starts after it.
func (s step) take(ctx context.Context, d *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	switch s.verb {
	case "created":
		return d.CreateJSON(ctx, s.description, client.WaitFor(answerTime))
	case "updated":
		delete(s.description, "name") // a process cannot be renamed
		return d.Do(ctx, http.MethodPut, "/processes/"+url.PathEscape(s.name), nil, s.description, nil)
	case "scaled":
		_, err := d.Scale(ctx, s.name, s.number)
		return err
	case "deleted":
		return d.Delete(ctx, s.name)
	}
	return nil
}
