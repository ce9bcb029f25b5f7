package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
)

// iniTitle is the spelling of INI.
func iniTitle(kind, name string) string {
	if name == "" {
		return "[" + kind + "]"
	}
	return "[" + kind + ":" + name + "]"
}

// readINI turns the text of an INI file into sections. file names it.
func readINI(content, file string, env lookup, ps *problems) []section {
	at := func(line int) place { return place{file, line} }
	if yamlSection.MatchString(content) && !iniSection.MatchString(content) {
		ps.add(place{file: file}, section{}, "", "looks like YAML, and its name says INI: call it *.yaml")
		return nil
	}
	blocks, mistakes := scan(content)
	for _, m := range mistakes {
		ps.add(at(m.line), section{}, "", "%s", m.text)
	}
	dir := filepath.Dir(absolute(file, workingDir()))
	var sections []section
	for _, b := range blocks {
		if b.title == "" {
			continue
		}
		s, wrong := sectionOf(b.title)
		if wrong != "" {
			ps.add(at(b.line), section{}, "", "%s", wrong)
			continue
		}
		s.at, s.dir = at(b.line), dir
		for _, e := range b.entries {
			s.readEntry(e, env, ps)
		}
		sections = append(sections, s)
	}
	return sections
}

// sectionOf takes a title apart. wrong says why it names no section.
func sectionOf(title string) (s section, wrong string) {
	kind, name, colon := strings.Cut(title, ":")
	s = section{kind: strings.ToLower(strings.TrimSpace(kind)), name: strings.TrimSpace(name), spell: iniTitle}
	isNamed := map[string]bool{}
	for _, k := range kinds {
		isNamed[k.name] = k.named
	}
	switch named, known := isNamed[s.kind]; {
	case !known:
		near := nearest.Name(s.kind, slices.Sorted(maps.Keys(isNamed)))
		if isNamed[near] {
			near += ":" + cmp.Or(s.name, "NAME")
		}
		return s, fmt.Sprintf("[%s] is not a known section; the nearest is [%s]", title, near)
	case named && s.name == "":
		return s, fmt.Sprintf("[%s] needs a name: write [%s:NAME]", title, s.kind)
	case !named && colon:
		return s, fmt.Sprintf("[%s] takes no name: write [%s]", title, s.kind)
	}
	return s, ""
}

// readEntry adds one key to the section, or says what is wrong with it.
func (s *section) readEntry(e entry, env lookup, ps *problems) {
	at := place{s.at.file, e.line}
	key, how, ok := s.keyOf(e.key)
	if !ok {
		ps.add(at, *s, e.key, "%s", unknownKey(*s, e.key))
		return
	}
	if i := slices.IndexFunc(s.keys, func(k setting) bool { return k.key == key }); i >= 0 {
		ps.add(at, *s, e.key, "is given a second time, first on line %d: keep one", s.keys[i].at.line)
		return
	}
	value, err := how.parse(e.value(), env)
	for _, err := range leaves(err) {
		ps.add(at, *s, e.key, "%v", err)
	}
	if err != nil {
		return
	}
	s.keys = append(s.keys, setting{key: key, name: e.key, value: value, at: at})

	// gaffer read an indented key as part of the value above it, silently.
	for i, line := range e.lines[1:] {
		written, _, ok := strings.Cut(line, "=")
		written = strings.TrimSpace(written)
		key, _, known := s.keyOf(written)
		if ok && known && s.lists(key) {
			ps.warn(place{s.at.file, e.line + 1 + i}, *s, e.key,
				"goes on with %s, because the line is indented: move it to the left if it is a key of its own", quote(written+" = …")) // its value may be a secret
		}
	}
}

// keyOf is a key's name in the document, how its value is written, and whether
// a section of this kind may have it.
func (s *section) keyOf(written string) (key string, how form, ok bool) {
	key = strings.ToLower(written)
	switch s.kind {
	case "env":
		return strings.ToUpper(written), text, true
	case "webhooks":
		if pattern, ok := cutPrefixFold(written, "secret:"); ok {
			return "secret:" + hookPattern(strings.TrimSpace(pattern)), text, true
		}
		return hookPattern(written), receiver, true
	case "process":
		if name, ok := cutPrefixFold(written, "env:"); ok {
			return "env:" + strings.TrimSpace(name), text, true
		}
		_, known := manager.PropertyKind(key)
		return key, propertyForm(key), known || homeOf(*s, key) == ""
	}
	k, ok := keyNamed(s.kind, key)
	return key, k.how, ok
}

// hookPattern is a pattern of events, in which the case of a process's name is
// that of the file.
func hookPattern(written string) string {
	if about, ok := cutPrefixFold(written, "proc."); ok {
		return "proc." + about
	}
	return strings.ToLower(written)
}

// lists reports whether the section has a key of that very name.
func (s *section) lists(key string) bool {
	if s.kind == "process" {
		_, ok := manager.PropertyKind(key)
		return ok || strings.HasPrefix(key, "env:")
	}
	_, ok := keyNamed(s.kind, key)
	return ok
}

func cutPrefixFold(s, prefix string) (after string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
