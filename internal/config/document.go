package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// document is a configuration before it is checked: what a file says, whatever
// it is spelled in, with the place where it says so.
type document struct {
	sections []section // in the order of the file, included files after it
}

// section is a group of settings about one thing.
type section struct {
	kind  string // "gaffer", "endpoint", "process", "env" or "webhooks"
	name  string // of the endpoint or process; empty where there is but one
	spell spelling
	dir   string // what relative paths in it are relative to
	at    place
	keys  []setting
}

func (s section) String() string { return s.spell(s.kind, s.name) }

// spelling is how a file writes the title of a section.
type spelling func(kind, name string) string

// kinds are the sections that there are, and what each is called in YAML.
var kinds = []struct {
	name, yaml string
	named      bool // there may be many, each with a name
}{
	{"gaffer", "gaffer", false},
	{"endpoint", "endpoints", true},
	{"process", "processes", true},
	{"env", "", true}, // in YAML it is a part of the process
	{"webhooks", "webhooks", false},
}

// setting is one key. Its value is one that decoded JSON could have too.
type setting struct {
	key   string // in the document
	name  string // in the file
	value any
	at    place
	parts map[string]place // where the parts of a value stand, by what follows the key: "max"
}

// get is the setting of a key, and its value as a T. The readers have seen to
// the type; a key that is not there has the zero value.
func get[T any](s section, key string) (v T, at setting) {
	i := slices.IndexFunc(s.keys, func(k setting) bool { return k.key == key })
	if i < 0 {
		return v, setting{key: key, name: key, at: s.at}
	}
	v, _ = s.keys[i].value.(T)
	return v, s.keys[i]
}

// place is a line of a file.
type place struct {
	file string // as the user named it
	line int    // 0 is the file as a whole
}

// Problem is one thing that is wrong, or at least odd, in a configuration.
type Problem struct {
	File    string
	Line    int    // from 1; 0 is the file as a whole
	Section string // "[process:web]" in INI, "processes.web" in YAML, or empty
	Key     string // or empty
	Text    string // what came, and what is wanted
}

// Error is "file:line: [section] key: text", or in YAML "file:line: section.key: text".
func (p *Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	s += ": "
	if p.Section != "" {
		s += p.Section
		switch {
		case p.Key == "":
		case strings.HasSuffix(p.Section, "]"):
			s += " " + p.Key
		default:
			s += "." + p.Key
		}
		s += ": "
	}
	return s + p.Text
}

// problems gathers what is wrong, so that all of it can be told at once.
type problems struct {
	errors, warnings []*Problem
}

func (ps *problems) add(at place, in section, key, format string, args ...any) {
	ps.errors = append(ps.errors, problem(at, in, key, format, args...))
}

func (ps *problems) warn(at place, in section, key, format string, args ...any) {
	ps.warnings = append(ps.warnings, problem(at, in, key, format, args...))
}

func problem(at place, in section, key, format string, args ...any) *Problem {
	p := &Problem{File: at.file, Line: at.line, Key: key, Text: fmt.Sprintf(format, args...)}
	if in.spell != nil {
		p.Section = in.String()
	}
	return p
}

// err joins the errors.
func (ps *problems) err() error {
	var joined []error
	for _, p := range sorted(ps.errors) {
		joined = append(joined, p)
	}
	return errors.Join(joined...)
}

// sorted puts those of a file together, in the order of its lines.
func sorted(list []*Problem) []*Problem {
	order := map[string]int{}
	for i, p := range list {
		if _, ok := order[p.File]; !ok {
			order[p.File] = i
		}
	}
	slices.SortStableFunc(list, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return list
}

// quote shows what a user wrote, as far as it helps to find it again.
func quote(s string) string {
	const enough = 60
	if utf8.RuneCountInString(s) > enough {
		s = string([]rune(s)[:enough]) + "…"
	}
	return strconv.Quote(s)
}
