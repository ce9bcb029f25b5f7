package importer

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/nearest"
)

// composeProcessRead are the keys of a process that become something.
var composeProcessRead = []string{
	"command", "entrypoint", "environment", "availability", "depends_on", "shutdown", "working_dir", "namespace", "replicas",
	"disabled", "is_disabled", "is_foreground", "description", "vars", "name",
}

const (
	probes = "gafferd does not ask processes how they are; watch them from outside, and call gafferctl restart"
	ready  = "a process counts as started as soon as it runs"
)

// composeProcessKeys are those that do not.
var composeProcessKeys = map[string]remedy{
	"readiness_probe":        {ready, ""},
	"ready_log_line":         {ready, ""},
	"liveness_probe":         {probes, ""},
	"is_daemon":              {"have the program stay in the foreground, as docker run does without -d: gafferd sees to it then", no},
	"is_tty":                 {"a process has no terminal; put script -qec before it if it must have one", no},
	"is_elevated":            {"write uid: root, and run gafferd as root", no},
	"is_dotenv_disabled":     {"gafferd reads no .env", "true yes on 1 " + no},
	"disable_ansi_colors":    {"gafferd keeps output as it is; many programs leave colours out when NO_COLOR is set", no},
	"log_location":           {logFolder, ""},
	"log_configuration":      {logFolder, ""},
	"launch_timeout_seconds": {"is_daemon alone needs it", ""},
	"schedule":               {"have cron run gafferctl start", ""},
	"watch":                  {watching, ""},
	"mcp":                    {"gafferd has an HTTP API, see docs/api.md", ""},
}

// composeProcess is a process that is being read.
type composeProcess struct {
	*compose
	name string
	keys map[string]entry
	vars map[string]string

	count any // of instances: an int, or a variable
	made  *process
}

func (c *compose) process(e entry) {
	if e.value.Kind != yaml.MappingNode && !isNull(e.value) {
		c.wrong(e.at, "got %s, want keys below it", came(e.value))
		return
	}
	p := &composeProcess{compose: c, name: e.key, keys: map[string]entry{}, vars: c.vars}
	for _, k := range c.reading.entries(e.value, e.at) {
		switch {
		case isNull(k.value) || strings.HasPrefix(k.key, "x-"):
		case slices.Contains(composeProcessRead, k.key):
			p.keys[k.key] = k
		default:
			c.noCounterpart(k.at, k.key, k.value.Value, composeProcessKeys, composeProcessRead, "process-compose")
		}
	}
	if vars, ok := p.keys["vars"]; ok {
		p.vars = map[string]string{}
		for name, text := range c.vars {
			p.vars[name] = text
		}
		for name, text := range c.variables(vars) {
			p.vars[name] = text
		}
	}
	name := e.key
	if given, ok := p.keys["name"]; ok {
		name = c.text(given)
	}
	group := ""
	if k, ok := p.keys["namespace"]; ok && c.text(k) != "default" {
		group = c.text(k)
	}
	p.made = &process{name: grouped(group, name), at: e.at}
	if k, ok := p.keys["description"]; ok {
		p.made.comment = commented(c.text(k))
	}
	p.replicas()
	p.settings()
	p.command() // which asks what is in the environment
	p.availability()
	p.shutdown()
	if k, ok := p.keys["depends_on"]; ok {
		c.dependencies(e.key, k)
	}
	c.made[e.key] = p.made
	c.processes = append(c.processes, p.made)
}

// commented is text as lines of a comment.
func commented(text string) string {
	return "# " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n# ")
}

// replicas is read first: the number of an only one is known.
func (p *composeProcess) replicas() {
	p.count = 1
	if k, ok := p.keys["replicas"]; ok {
		p.count = p.countOf(k)
	}
	if p.count != 1 {
		p.made.set("numprocesses", p.count, p.keys["replicas"].at)
	}
}

// command is what a shell runs, or without one what entrypoint lists.
func (p *composeProcess) command() {
	k, ok := p.keys["command"]
	list, hasList := p.keys["entrypoint"]
	switch {
	case ok && k.value.Kind != yaml.ScalarNode:
		p.text(k) // which says that it is none
	case ok && k.value.Value != "":
		if hasList {
			p.warn(list.at, "is left out: there is a command, which process-compose takes then")
		}
		line := p.shellLine(k)
		if p.shell != nil {
			p.made.run(append(slices.Clone(p.shell), p.made.literal(line)), k.at)
			return
		}
		p.made.set("cmd", line, k.at)
		p.made.set("shell", true, k.at)
		if found := bashism(line); found != "" {
			p.warn(k.at, "has %s, which is bash's, and sh runs it: write cmd: bash, args: [-c, …] and no shell: true", found)
		}
	case hasList && len(list.value.Content) > 0:
		words := p.texts(list)
		literal := make([]string, len(words)) // what was $$ has no counterpart where a name follows
		for i, word := range words {
			pieces := p.expanded(word)
			words[i], literal[i] = p.made.command(pieces), literals(pieces)
		}
		p.warnOfDollars(list.at, p.made, strings.Join(literal, " "))
		p.made.run(words, list.at)
	default:
		p.wrong(p.made.at.of("command", p.made.at.line), "is missing: say what to run")
	}
}

// settings are the properties that are the same under another name.
func (p *composeProcess) settings() {
	if k, ok := p.keys["working_dir"]; ok {
		p.made.set("cwd", p.spelled(k, p.filled(k, p.text(k), "")), k.at)
	}
	env := map[string]string{}
	at := p.made.at
	for name, text := range p.env {
		env[name] = text
	}
	if k, ok := p.keys["environment"]; ok {
		at = k.at
		for name, text := range p.environment(k) {
			env[name] = text
		}
	}
	if len(env) > 0 {
		p.made.set("env", env, at)
	}
	for _, name := range []string{"disabled", "is_disabled", "is_foreground"} {
		k, ok := p.keys[name]
		if !ok || !p.flag(k) {
			continue
		}
		p.made.set("start", false, k.at)
		if name == "is_foreground" {
			p.warn(k.at, "has no counterpart: gafferd gives a process no terminal; it is there, and not started")
		}
	}
}

// availability is what an exit leads to.
func (p *composeProcess) availability() {
	restart, pause, limit := "", any(1), 0
	k := p.keys["availability"]
	at := p.made.at
	if k.value != nil {
		for _, part := range p.below(k) {
			switch part.key {
			case "restart":
				restart, at = p.text(part), part.at
			case "backoff_seconds":
				pause = p.countOf(part)
			case "max_restarts":
				if n, ok := p.countOf(part).(int); ok {
					limit = n
				} else {
					p.wrong(part.at, "is a variable, and a number has to be known here")
				}
			case "exit_on_end":
				if p.flag(part) {
					p.made.set("essential", true, part.at)
				}
			case "exit_on_skipped":
				if p.flag(part) {
					p.warn(part.at, "has no counterpart: gafferd skips no process")
				}
			default:
				p.warn(part.at, "is no key of process-compose's, the nearest is %s: left out",
					nearest.Name(part.key, []string{"backoff_seconds", "exit_on_end", "exit_on_skipped", "max_restarts", "restart"}))
			}
		}
	}
	switch restart {
	case "always", "1":
	case "on_failure", "2":
		p.made.set("restart", "on-failure", at)
	case "exit_on_failure", "3":
		p.warn(at, "has no counterpart: with essential: true gafferd ends when the process has ended, also well")
		p.made.set("restart", "never", at)
	case "no", "false", "", "0":
		p.made.set("restart", "never", at)
		return
	default:
		p.wrong(at, "got %q, want always, on_failure, exit_on_failure or no", restart)
	}
	p.made.set("backoff", map[string]any{"initial": pause, "max": pause}, at)
	if limit > 0 && limit < 10_000 {
		p.made.set("flapping", map[string]any{"attempts": limit + 1, "window": 1_000_000_000, "retry_in": 0, "max_retry": 0}, at)
	}
}

func (p *composeProcess) shutdown() {
	k, ok := p.keys["shutdown"]
	if !ok {
		return
	}
	for _, part := range p.below(k) {
		switch part.key {
		case "signal":
			if v := p.countOf(part); v != 15 && v != 0 {
				p.made.set("stop_signal", v, part.at)
			}
		case "timeout_seconds":
			p.made.set("graceful_timeout", p.countOf(part), part.at)
		case "command":
			p.warn(part.at, "has no counterpart: a process is stopped by stop_signal; have it react to that")
		case "parent_only":
			if p.flag(part) {
				p.warn(part.at, "has no counterpart: gafferd always sends the signal to everything that a process has started")
			}
		default:
			p.warn(part.at, "is no key of process-compose's, the nearest is %s: left out",
				nearest.Name(part.key, []string{"command", "parent_only", "signal", "timeout_seconds"}))
		}
	}
}

// countOf is a whole number, or a variable that will be one.
func (p *composeProcess) countOf(e entry) any {
	s := p.text(e)
	if !p.literal && strings.HasPrefix(s, "$") {
		return p.spelled(e, s)
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		p.wrong(e.at, "got %s, want a whole number", came(e.value))
	}
	return n
}
