package procfile

import (
	"fmt"
	"maps"

	"github.com/gafferd/gaffer/manager"
)

// Description is the process at index i of Entries, under a name, in the
// properties of the API.
//
// One description stands for any number of instances, so it is the shell that
// runs the command which finds out the PORT of an instance, and its PS (web.1),
// the two variables by which Foreman's processes know who they are. After && a
// command with a & in it would be put into the background together with them; no
// space stands before the ;, since a comment would begin there in INI.
func (a *App) Description(i int, name string, instances int) map[string]any {
	e := a.Entries[i]
	return map[string]any{
		"name":         name,
		"cmd":          fmt.Sprintf("export PORT=$((%d+GAFFER_INDEX)) PS=%s.$GAFFER_INDEX; %s", a.Port(i)-1, e.Name, e.Command),
		"shell":        true,
		"cwd":          a.Root,
		"env":          maps.Clone(a.Env),
		"numprocesses": instances,
	}
}

// Templates are the processes of a formation, named prefix and what they are
// called in the Procfile. They start in its order.
func (a *App) Templates(f Formation, prefix string) ([]manager.Template, error) {
	if err := a.CheckPorts(f.Of); err != nil {
		return nil, err
	}
	var all []manager.Template
	for i, e := range a.Entries {
		description := a.Description(i, prefix+e.Name, f.Of(e.Name))
		description["priority"] = i
		t, err := manager.ParseTemplate(description)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		all = append(all, t)
	}
	return all, nil
}
