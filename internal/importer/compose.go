package importer

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/nearest"
)

// compose is a process-compose.yaml that is being read.
type compose struct {
	*reading
	literal bool // no variables are replaced in the file
	env     map[string]string
	vars    map[string]string
	shell   []string // what runs a command, if it is not the usual one
	entries []entry  // the processes
	made    map[string]*process
	depends map[string][]string
}

// composeRead are the keys at the top that become something, or say nothing about
// processes.
var composeRead = []string{"version", "name", "is_strict", "is_tui_disabled", "processes", "environment", "vars", "shell", "disable_env_expansion", "extends"}

// composeKeys are those that do not.
var composeKeys = map[string]remedy{
	"env_cmds":          {"run the commands before gafferd is started, and export what they print", ""},
	"log_location":      {logFolder, ""},
	"log_configuration": {logFolder, ""},
	"log_format":        {"gafferctl logs -o json shows lines as JSON", ""},
	"log_length":        {"a stream keeps its last MiB or more, see docs/logs.md", ""},
	"log_level":         {"gafferd -v logs more", "info"},
	"ordered_shutdown":  {"gafferd stops processes at once; have each bear it that another has gone", no},
	"theme":             {"gafferd has no such screen", ""},
	"mcp_server":        {"gafferd has an HTTP API, see docs/api.md", ""},
}

// readCompose reads a process-compose.yaml.
func readCompose(r *reading, text string) {
	root := r.parseYAML(text)
	if root == nil {
		return
	}
	c := &compose{reading: r, env: map[string]string{}, vars: map[string]string{}, made: map[string]*process{}, depends: map[string][]string{}}
	top := map[string]entry{}
	for _, e := range r.entries(root, place{file: r.file, line: root.Line}) {
		switch {
		case slices.Contains(composeRead, e.key):
			top[e.key] = e
		case isNull(e.value) || strings.HasPrefix(e.key, "x-"):
		default:
			r.noCounterpart(e.at, e.key, e.value.Value, composeKeys, composeRead, "process-compose")
		}
	}
	c.settings(top)
	e, ok := top["processes"]
	if !ok {
		return
	}
	for _, one := range r.entries(e.value, e.at) {
		one.at.section, one.at.key = "processes."+one.key, ""
		c.entries = append(c.entries, one)
	}
	for _, one := range c.entries {
		c.process(one)
	}
	c.order()
}

// settings are those for all processes.
func (c *compose) settings(top map[string]entry) {
	if e, ok := top["disable_env_expansion"]; ok {
		c.literal = c.flag(e)
	}
	if e, ok := top["extends"]; ok {
		c.wrong(e.at, "goes on in another file, which is not read: merge the two, and import what comes of it")
	}
	if e, ok := top["vars"]; ok {
		c.vars = c.variables(e)
	}
	if e, ok := top["environment"]; ok {
		c.env = c.environment(e)
	}
	if e, ok := top["shell"]; ok {
		shell := map[string]string{}
		for _, part := range c.below(e) {
			if strings.HasPrefix(part.key, "elevated_") {
				continue // of use to is_elevated alone, which has a warning
			}
			shell[part.key] = c.text(part)
		}
		if program := shell["shell_command"]; program != "" && program != "sh" && program != "bash" {
			c.shell = []string{program}
			if argument := shell["shell_argument"]; argument != "" {
				c.shell = append(c.shell, argument)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(filepath.Dir(c.file), ".env")); err == nil && info.Mode().IsRegular() {
		c.warn(place{file: c.file}, "has a .env beside it, which process-compose reads and gafferd does not: start gafferd with these variables, or write them into env")
	}
}

// variables are those of a vars: NAME: value.
func (c *compose) variables(e entry) map[string]string {
	vars := map[string]string{}
	for _, v := range c.below(e) {
		vars[v.key] = c.text(v)
	}
	return vars
}

// order gives priorities to processes that depend on others: each starts behind
// those that it depends on.
func (c *compose) order() {
	if len(c.depends) == 0 {
		return
	}
	levels := map[string]int{}
	var level func(name string, path []string) int
	level = func(name string, path []string) int {
		if n, ok := levels[name]; ok {
			return n
		}
		if i := slices.Index(path, name); i >= 0 {
			c.wrong(c.made[name].at, "depends on itself: %s", strings.Join(append(path[i:], name), ", then "))
			return 0
		}
		n := 0
		for _, other := range c.depends[name] {
			n = max(n, level(other, append(slices.Clone(path), name))+1)
		}
		levels[name] = n
		return n
	}
	for _, e := range c.entries {
		if p := c.made[e.key]; p != nil {
			p.set("priority", level(e.key, nil), p.at)
		}
	}
}

// dependencies reads depends_on: names with a condition each, or just names.
func (c *compose) dependencies(name string, e entry) {
	depend := func(on string, at place) bool {
		for _, other := range c.entries {
			if other.key == on {
				c.depends[name] = append(c.depends[name], on)
				return true
			}
		}
		names := make([]string, len(c.entries))
		for i, other := range c.entries {
			names[i] = other.key
		}
		c.wrong(at, "there is no process %s, the nearest is %s", on, nearest.Name(on, names))
		return false
	}
	if e.value.Kind == yaml.SequenceNode {
		for _, on := range c.items(e) {
			depend(c.text(on), on.at)
		}
		return
	}
	for _, on := range c.below(e) {
		if !depend(on.key, on.at) {
			continue
		}
		condition := ""
		if on.value.Kind == yaml.ScalarNode {
			condition = c.text(on)
		} else {
			for _, part := range c.below(on) {
				if part.key == "condition" {
					condition = c.text(part)
				}
			}
		}
		switch condition = cmp.Or(condition, "process_started"); {
		case conditions[condition] != "":
			c.warn(on.at, "has no counterpart: it starts when %s %s, which need not be when %s; have it try until %s is there",
				on.key, "runs", fmt.Sprintf(conditions[condition], on.key), on.key)
		case condition != "process_started":
			c.wrong(on.at, "got %q for its condition, want process_started, process_healthy, process_log_ready, process_completed or process_completed_successfully", condition)
		}
	}
}

// conditions are those that gafferd does not wait for.
var conditions = map[string]string{
	"process_healthy":                "%s is healthy",
	"process_log_ready":              "%s says that it is ready",
	"process_completed":              "%s is done",
	"process_completed_successfully": "%s is done",
}
