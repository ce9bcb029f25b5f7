package importer

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kballard/go-shellquote"
	"go.yaml.in/yaml/v4"
)

// pm2App is an app that is being read.
type pm2App struct {
	*reading
	keys map[string]entry // by the name that pm2 gives them
	made *process
}

// pm2App reads one app.
func (r *reading) pm2App(n *yaml.Node, at place) {
	a := &pm2App{reading: r, keys: map[string]entry{}}
	for _, e := range r.entries(n, at) {
		name := e.key
		if other, ok := pm2Aliases[name]; ok {
			name = other
		}
		switch {
		case isNull(e.value):
		case slices.Contains(pm2Read, name):
			a.keys[name] = e
		case strings.HasPrefix(name, "env_"):
			r.warn(e.at, "is left out: it counts when pm2 is started with --env %s. If it is, put its variables into env", strings.TrimPrefix(name, "env_"))
		default:
			r.noCounterpart(e.at, name, e.value.Value, pm2Keys, pm2Read, "pm2")
		}
	}
	script, ok := a.keys["script"]
	if !ok {
		if n.Kind == yaml.MappingNode {
			r.wrong(at.of("script", at.line), "is missing: say what to run")
		}
		return
	}
	a.made = &process{name: a.name(script), at: at}
	a.environment()
	a.command(script) // which asks what is in the environment
	a.count()
	a.restarts()
	a.plain()
	r.processes = append(r.processes, a.made)
}

// name is that of the app, or of its script without the end.
func (a *pm2App) name(script entry) string {
	name := ""
	if e, ok := a.keys["name"]; ok {
		name = a.text(e)
	}
	if name == "" {
		name = path.Base(a.text(script))
		if end := path.Ext(name); end != name {
			name = strings.TrimSuffix(name, end)
		}
	}
	group := ""
	if e, ok := a.keys["namespace"]; ok && a.text(e) != "default" {
		group = a.text(e)
	}
	return grouped(group, name)
}

// interpreters are what pm2 runs a script with, by the end of its name.
var interpreters = map[string]string{
	".js": "node", ".mjs": "node", ".cjs": "node", ".sh": "bash", ".py": "python3", ".rb": "ruby", ".php": "php", ".pl": "perl",
	".coffee": "coffee", ".ls": "lsc", ".ts": "bun", ".tsx": "bun",
}

// command makes one command line of what runs the script, the script and its
// arguments.
func (a *pm2App) command(e entry) {
	script := a.text(e)
	var words []string
	if strings.Contains(script, " ") { // as pm2 has it: a line for bash
		a.made.run([]string{"bash", "-c", a.made.literal(script)}, e.at)
		return
	}
	switch interpreter, given := a.keys["exec_interpreter"]; {
	case given && a.text(interpreter) != "none" && a.text(interpreter) != "":
		program := a.text(interpreter)
		if before, version, ok := strings.Cut(program, "node@"); ok && before == "" {
			a.warn(interpreter.at, "has no counterpart: node is whichever PATH has; write the path of node %s into cmd", version)
			program = "node"
		}
		words = append(words, program)
	case !given && interpreters[path.Ext(script)] != "":
		words = append(words, interpreters[path.Ext(script)])
	case !strings.Contains(script, "/") && a.isFile(script):
		script = "./" + script
	}
	if options, ok := a.keys["node_args"]; ok {
		if len(words) == 0 {
			a.warn(options.at, "is left out: nothing interprets %s", script)
		} else {
			words = append(words, a.words(options)...)
		}
	}
	program := len(words)
	words = append(words, script)
	if args, ok := a.keys["args"]; ok {
		words = append(words, a.words(args)...)
	}
	a.warnOfDollars(e.at, a.made, strings.Join(words, " "))
	for i, word := range words {
		words[i] = a.made.literal(word)
	}
	words[program] = home(words[program])
	a.made.run(words, e.at)
}

// isFile reports whether a script is a file beside the one that names it, rather
// than a program in PATH.
func (a *pm2App) isFile(script string) bool {
	folder := filepath.Dir(a.file)
	if e, ok := a.keys["cwd"]; ok {
		if folder = a.text(e); !filepath.IsAbs(folder) {
			folder = filepath.Join(filepath.Dir(a.file), folder)
		}
	}
	info, err := os.Stat(filepath.Join(folder, script))
	return err == nil && info.Mode().IsRegular()
}

// home is a path in which ~ is a variable.
func home(p string) string {
	if p == "~" || strings.HasPrefix(p, "~/") {
		return "$HOME" + p[1:]
	}
	return p
}

// words are arguments, as a list or as one text.
func (a *pm2App) words(e entry) []string {
	if e.value.Kind == yaml.SequenceNode {
		return a.texts(e)
	}
	words, err := shellquote.Split(a.text(e))
	if err != nil {
		a.wrong(e.at, "got %q, which cannot be split into words: %v", a.text(e), err)
	}
	return words
}

// count is the number of instances, and how they are told apart.
func (a *pm2App) count() {
	e, ok := a.keys["instances"]
	mode, hasMode := a.keys["exec_mode"]
	cluster := hasMode && strings.HasPrefix(a.text(mode), "cluster")
	if !ok {
		return
	}
	s := a.text(e)
	n, err := strconv.Atoi(s)
	switch {
	case s == "max" || err == nil && n <= 0: // as many as there are processors, or fewer by so many
		n = max(runtime.NumCPU()+n, 1)
		a.warn(e.at, "has no counterpart: there are %d instances, for the processors of this machine", n)
	case err != nil:
		a.wrong(e.at, "got %s, want a number, or max", came(e.value))
		return
	}
	if n != 1 {
		a.made.set("numprocesses", n, e.at)
	}
	at := e.at
	if hasMode {
		at = mode.at
	}
	if n > 1 && (cluster || !hasMode && strings.HasPrefix(a.cmd(), "node ")) {
		a.warn(at, "has no counterpart: the instances share no port, so give each its own by GAFFER_INDEX, which is 1 to %d, or have them listen with reusePort", n)
	}
}

func (a *pm2App) cmd() string {
	for _, s := range a.made.settings {
		if s.property == "cmd" {
			return fmt.Sprint(s.value)
		}
	}
	return ""
}

func (a *pm2App) environment() {
	env := map[string]string{}
	at := a.made.at
	if e, ok := a.keys["env"]; ok {
		at = e.at
		for _, v := range a.below(e) {
			switch v.value.Kind {
			case yaml.ScalarNode:
				if !isNull(v.value) {
					env[v.key] = escape(v.value.Value)
				}
			default:
				var decoded any
				text, err := []byte(nil), v.value.Decode(&decoded)
				if err == nil {
					text, err = json.Marshal(decoded)
				}
				if err != nil {
					a.wrong(v.at, "cannot be written as text: %v", err)
				}
				env[v.key] = escape(string(text))
			}
		}
	}
	if e, ok := a.keys["port"]; ok {
		env["PORT"], at = escape(a.text(e)), e.at
	}
	if len(env) > 0 {
		a.made.set("env", env, at)
	}
	if e, ok := a.keys["filter_env"]; ok {
		if v, isFlag := truth(e.value.Value); isFlag && e.value.Kind == yaml.ScalarNode {
			if v {
				a.made.set("os_env", false, e.at)
			}
			return
		}
		a.warn(e.at, "has no counterpart: os_env: false leaves out all variables of gafferd, and env adds those that are wanted")
	}
}
