package config

import (
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
)

// yamlTitle is the spelling of YAML.
func yamlTitle(kind, name string) string {
	for _, k := range kinds {
		if k.name == kind && k.yaml != "" {
			kind = k.yaml
		}
	}
	if name == "" {
		return kind
	}
	return kind + "." + name
}

// yamlReader turns one YAML file into sections.
type yamlReader struct {
	file string
	dir  string
	env  lookup
	ps   *problems
}

// readYAML turns the text of a YAML file into sections. file names it.
func readYAML(content, file string, env lookup, ps *problems) []section {
	r := &yamlReader{file, filepath.Dir(absolute(file, workingDir())), env, ps}
	for i, line := range strings.Split(content, "\n") {
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			ps.add(place{file, i + 1}, section{}, "", "is not text: write the file in UTF-8")
			return nil
		}
	}
	if iniSection.MatchString(content) && !yamlSection.MatchString(content) {
		ps.add(place{file: file}, section{}, "", "looks like INI, and its name says YAML: call it *.ini")
		return nil
	}
	root, ok := r.parse(content)
	if !ok {
		return nil
	}
	var sections []section
	top := section{}
	for key, value := range r.entries(root, top, "") {
		sections = append(sections, r.sections(key, value)...)
	}
	return sections
}

// parse gives the one document of the file; ok is false without one.
func (r *yamlReader) parse(content string) (root *yaml.Node, ok bool) {
	loader, err := yaml.NewLoader(strings.NewReader(content))
	var doc, second yaml.Node
	if err == nil {
		err = loader.Load(&doc)
	}
	if err == nil {
		err = loader.Load(&second)
		if err == nil {
			r.wrong(&second, section{}, "", "begins a second document: a configuration is one")
		}
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		r.syntax(err, content)
		return nil, false
	case len(doc.Content) == 0 || isNull(doc.Content[0]):
		return nil, false // nothing, or only comments
	}
	root = doc.Content[0]
	if root.Kind != yaml.MappingNode {
		r.wrong(root, section{}, "", "has no keys such as gaffer: and processes:")
		return nil, false
	}
	return root, true
}

// syntax reports why the file is not YAML. Nothing more can be said of it then.
func (r *yamlReader) syntax(err error, content string) {
	at, text := place{r.file, 0}, err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		lines := strings.Split(content, "\n")
		if last := len(lines) - 1; lines[last] == "" && last > 0 {
			lines = lines[:last]
		}
		at.line = min(e.Mark.Line, len(lines)) // the end may be on a line after the last
		text = e.Message
		if strings.Contains(text, "end of stream") && e.ContextMark.Line > 0 {
			at.line, text = e.ContextMark.Line, "what begins there has no end: "+text
		} else if e.ContextMsg != "" {
			text += " " + e.ContextMsg
			if e.ContextMark.Line > 0 {
				text += " that begins on line " + strconv.Itoa(e.ContextMark.Line)
			}
		}
		if n := at.line; n > 0 && n <= len(lines) {
			line := lines[n-1]
			indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			switch column := e.Mark.Column; {
			case strings.Contains(indent, "\t"):
				text = "a line is indented with spaces there, never with a tab"
			case hasVariable(line):
				text += "; a ${NAME} between brackets needs quotes"
			case strings.Contains(e.Message, "mapping values are not allowed"):
				text = "a value with a colon and a space in it needs quotes around it"
			case strings.Contains(e.Message, "cannot start any token") && column > 0 && column <= len(line):
				text = "no value begins with " + line[column-1:column] + ": put quotes around it"
			}
		}
	}
	r.ps.add(at, section{}, "", "is not YAML: %s", text)
}

func (r *yamlReader) at(n *yaml.Node) place { return place{r.file, n.Line} }

func (r *yamlReader) wrong(n *yaml.Node, in section, key, format string, args ...any) {
	r.ps.add(r.at(n), in, key, format, args...)
}

// entries yields the keys of a mapping and their values, and reports keys that
// are there twice or are no text. prefix goes before their names in messages.
func (r *yamlReader) entries(n *yaml.Node, in section, prefix string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch line, twice := first[key.Value]; {
			case key.ShortTag() == "!!merge" || key.Kind == yaml.AliasNode || key.Anchor != "":
				r.wrong(key, in, "", "anchors, aliases and merges are not taken here: write the value where it is wanted")
				continue
			case key.Kind != yaml.ScalarNode:
				r.wrong(key, in, "", "got %s for a key, want text", r.came(key))
				continue
			case twice:
				what := ""
				if in.spell == nil {
					what = quote(key.Value) + " "
				}
				r.wrong(key, in, prefix+key.Value, "%sis given a second time, first on line %d: keep one", what, line)
				continue
			}
			first[key.Value] = key.Line
			if r.plain(value, in, prefix+key.Value) && !yield(key, value) {
				return
			}
		}
	}
}

// plain refuses what a configuration has no use for: anchors, aliases, tags.
func (r *yamlReader) plain(n *yaml.Node, in section, key string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.wrong(n, in, key, "anchors, aliases and merges are not taken here: write the value where it is wanted")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.wrong(n, in, key, "got the tag %s, and tags are not taken here: leave it out", n.Tag)
		return false
	}
	return true
}

// sections reads what stands below one key at the top.
func (r *yamlReader) sections(key, value *yaml.Node) []section {
	var names []string
	for _, k := range kinds {
		if k.yaml == "" {
			continue
		}
		names = append(names, k.yaml)
		if k.yaml != key.Value {
			continue
		}
		s := section{kind: k.name, spell: yamlTitle, dir: r.dir, at: r.at(key)}
		if isNull(value) {
			return nil
		}
		if value.Kind != yaml.MappingNode {
			r.wrong(value, s, "", "got %s, want keys below it", r.came(value))
			return nil
		}
		if !k.named {
			return []section{r.section(s, value)}
		}
		var sections []section
		for name, inner := range r.entries(value, s, "") {
			if name.Value == "" {
				r.wrong(name, s, "", `"" needs a name: write one before the colon`)
				continue
			}
			one := s
			one.name, one.at = name.Value, r.at(name)
			if inner.Kind != yaml.MappingNode {
				if isNull(inner) {
					inner = &yaml.Node{Kind: yaml.MappingNode, Line: name.Line}
				} else {
					hint := ""
					if k.name == "process" && inner.Kind == yaml.ScalarNode {
						hint = ", such as cmd: " + inner.Value
					}
					r.wrong(inner, one, "", "got %s, want keys below it%s", r.came(inner), hint)
					continue
				}
			}
			sections = append(sections, r.section(one, inner))
		}
		return sections
	}
	near := nearest.Name(key.Value, names)
	hint := ""
	if key.Value == "env" {
		near, hint = "processes", ": an environment is the env of its process"
	}
	r.wrong(key, section{}, "", "%s is not a known key; the nearest is %s%s", quote(key.Value), near, hint)
	return nil
}

// section reads the keys of one.
func (r *yamlReader) section(s section, n *yaml.Node) section {
	for key, value := range r.entries(n, s, "") {
		how, ok := r.formOf(s, key)
		if !ok || isNull(value) && s.kind != "webhooks" {
			continue // as in the API, null is as good as leaving it out
		}
		if s.kind == "process" && key.Value == "env" && value.Kind != yaml.SequenceNode {
			r.environment(&s, value)
			continue
		}
		v := setting{key: key.Value, name: key.Value, at: r.at(key), parts: map[string]place{}}
		before := len(r.ps.errors)
		v.value = r.shaped(value, how, s, v.name, v.parts)
		if len(r.ps.errors) == before {
			s.keys = append(s.keys, v)
		}
	}
	return s
}

// formOf is how the value of a key is written, and whether there is such a key.
func (r *yamlReader) formOf(s section, key *yaml.Node) (form, bool) {
	switch s.kind {
	case "webhooks":
		return receiver, true
	case "process":
		if key.Value == "name" {
			r.wrong(key, s, "name", "is the key above it, %s: leave it out here", quote(s.name))
			return form{}, false
		}
		if _, known := manager.PropertyKind(key.Value); !known && homeOf(s, key.Value) != "" {
			r.wrong(key, s, key.Value, "%s", unknownKey(s, key.Value))
			return form{}, false
		}
		return propertyForm(key.Value), true
	}
	k, ok := keyNamed(s.kind, key.Value)
	if !ok {
		r.wrong(key, s, key.Value, "%s", unknownKey(s, key.Value))
	}
	return k.how, ok
}

// environment adds each variable of a process as the setting that INI has too.
func (r *yamlReader) environment(s *section, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode { // of which nothing is shown: it may be a secret
		r.wrong(n, *s, "env", "got text, want an object of strings; write each as NAME: value")
		return
	}
	for key, value := range r.entries(n, *s, "env.") {
		name := "env." + key.Value
		if value.Kind != yaml.ScalarNode || isNull(value) {
			r.wrong(value, *s, name, `got %s, want text: "" is an empty one`, r.came(value))
			continue
		}
		if v, ok := r.scalar(value, text, *s, name); ok {
			s.keys = append(s.keys, setting{key: "env:" + key.Value, name: name, value: v, at: r.at(key)})
		}
	}
}
