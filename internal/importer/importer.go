package importer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

// Result is what a file comes to.
type Result struct {
	YAML     []byte     // a gaffer.yaml
	Warnings []*problem // what is not in it, and what is not the same, in the order of the lines
}

// Import reads a file that is written for a supervisor: one of Formats. The
// error names everything that is wrong, and joins a *problem for each. The Result then
// has the warnings alone: what was left out may be what is missing, misspelt.
func Import(format, file string) (*Result, error) {
	i := slices.IndexFunc(formats, func(f namedFormat) bool { return f.name == format })
	if i < 0 {
		return new(Result), fmt.Errorf("there is no format %q", format)
	}
	text, err := readFile(file)
	if err != nil {
		return new(Result), err
	}
	r := &reading{file: file}
	formats[i].read(r, text)
	return r.result()
}

// Formats are the supervisors whose files Import reads.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

type namedFormat struct {
	name string
	read func(r *reading, text string)
}

var formats = []namedFormat{
	{"supervisord", readSupervisord},
	{"pm2", readPM2},
	{"process-compose", readCompose},
}

// maxFile is far more than anybody writes.
const maxFile = 4 << 20

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than 4 MiB: it cannot be what it should be", name)
	}
	return strings.TrimPrefix(string(text), "\ufeff"), err
}

// reading is a file that is being read.
type reading struct {
	file      string
	processes []*process
	warnings  []*problem
	mistakes  []*problem
}

// place is where something stands in a file.
type place struct {
	file    string
	line    int
	section string // "[program:web]", "apps[0]", "processes.web"
	key     string // or empty
}

// of is the place of a key that stands in the same section, or of a section where
// there is none yet.
func (p place) of(key string, line int) place {
	if p.section == "" {
		return place{p.file, line, key, ""}
	}
	return place{p.file, line, p.section, key}
}

// below is the place of a part of what stands at p: ".name" or "[2]".
func (p place) below(part string, line int) place {
	if p.key == "" {
		return place{p.file, line, p.section + part, ""}
	}
	return place{p.file, line, p.section, p.key + part}
}

func (p place) problem(format string, args ...any) *problem {
	return &problem{File: p.file, Line: p.line, Section: p.section, Key: p.key, Text: fmt.Sprintf(format, args...)}
}

// wrong reports what cannot be understood.
func (r *reading) wrong(at place, format string, args ...any) {
	r.mistakes = append(r.mistakes, at.problem(format, args...))
}

// warn reports what has no counterpart, or is not quite the same.
func (r *reading) warn(at place, format string, args ...any) {
	r.warnings = append(r.warnings, at.problem(format, args...))
}

// process is one that is becoming a process of gaffer's.
type process struct {
	name     string // as its own supervisor calls it, with its group
	comment  string
	at       place
	settings []setting
}

// setting is a property with its value as a gaffer.yaml has it.
type setting struct {
	property string
	value    any
	at       place // where it comes from
}

// set gives a property a value, in place of one that it has. Where it comes from
// nowhere, mistakes are those of the process.
func (p *process) set(property string, value any, at place) {
	if at.file == "" {
		at = p.at
	}
	p.settings = slices.DeleteFunc(p.settings, func(s setting) bool { return s.property == property })
	p.settings = append(p.settings, setting{property, value, at})
}

// run sets what the process runs: one line, or where a shell's quotes would be in the
// way of variables a program and its arguments.
func (p *process) run(words []string, at place) {
	if line := shellquote.Join(words...); len(words) == 1 || !strings.Contains(line, "$") && !strings.Contains(line, "\n") {
		p.set("cmd", line, at)
		return
	}
	p.set("cmd", words[0], at)
	p.set("args", words[1:], at)
}

// result writes the processes, and has gafferd's own validation look at them.
func (r *reading) result() (*Result, error) {
	if len(r.processes) == 0 && len(r.mistakes) == 0 {
		r.wrong(place{file: r.file}, "describes no process that gafferd could run")
	}
	byName := map[string]*process{}
	for _, p := range r.processes {
		p.name = r.nameFor(p, byName)
		byName[p.name] = p
	}
	var described []config.Described
	names := manager.PropertyNames()
	for _, p := range r.processes {
		d := config.Described{Name: p.name, Comment: p.comment}
		for _, s := range p.settings {
			d.Properties = append(d.Properties, manager.Property{Name: s.property, Value: s.value})
		}
		slices.SortFunc(d.Properties, func(a, b manager.Property) int {
			return cmp.Compare(slices.Index(names, a.Name), slices.Index(names, b.Name))
		})
		described = append(described, d)
	}
	text, err := config.MarshalDescribed(described)
	if err != nil {
		return new(Result), err
	}
	r.check(string(text), byName)
	if len(r.mistakes) > 0 {
		return &Result{Warnings: inOrder(r.warnings)}, joined(inOrder(r.mistakes))
	}
	return &Result{YAML: text, Warnings: inOrder(r.warnings)}, nil
}

// check reports what gafferd would refuse, at the place that it comes from.
func (r *reading) check(text string, byName map[string]*process) {
	set := func(string) (string, bool) { return "1", true } // which is good for whatever a variable may stand for
	for _, found := range config.Check(text, "gaffer.yaml", set) {
		p := byName[strings.TrimPrefix(found.Section, "processes.")]
		if p == nil {
			r.wrong(place{file: r.file}, "makes a gaffer.yaml that does not load: %v", found)
			continue
		}
		at := p.at
		key, _, _ := strings.Cut(found.Key, ".")
		for _, s := range p.settings {
			if s.property == key {
				at = s.at
			}
		}
		if !slices.ContainsFunc(r.mistakes, func(m *problem) bool { return m.File == at.file && m.Line == at.line }) {
			r.wrong(at, "%s", found.Text)
		}
	}
}

// inOrder puts problems of a file together, in the order of its lines, and each
// there once.
func inOrder(list []*problem) []*problem {
	seen := map[problem]bool{}
	list = slices.DeleteFunc(slices.Clone(list), func(p *problem) bool {
		twice := seen[*p]
		seen[*p] = true
		return twice
	})
	order := map[string]int{}
	for i, p := range list {
		if _, ok := order[p.File]; !ok {
			order[p.File] = i
		}
	}
	slices.SortStableFunc(list, func(a, b *problem) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return list
}

func joined(list []*problem) error {
	errs := make([]error, len(list))
	for i, p := range list {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// problem is what is wrong with a file, or odd about it.
type problem = config.Problem
