package importer

import (
	"regexp"
	"strings"
	"unicode"
)

// iniFile is sections as Python's ConfigParser reads them for supervisord: a
// section that is there again goes on where it was, and so do further files.
type iniFile struct {
	sections []*iniSection
}

type iniSection struct {
	name string
	at   place
	keys []iniKey
}

type iniKey struct {
	name  string // in lower case
	value string // its lines joined by line breaks
	at    place
}

// named is the section of a name, or nil.
func (f *iniFile) named(name string) *iniSection {
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// get is a key of the section, which may be nil.
func (s *iniSection) get(name string) (k iniKey, ok bool) {
	if s == nil {
		return iniKey{}, false
	}
	for _, k := range s.keys {
		if k.name == name {
			return k, true
		}
	}
	return iniKey{}, false
}

var (
	iniTitle  = regexp.MustCompile(`^\[([^\]]+)\]`)
	iniOption = regexp.MustCompile(`^([^=:]*?)\s*[=:]\s*(.*)$`)
)

// readINI adds the sections of a file to f.
func (r *reading) readINI(f *iniFile, file, text string) {
	var section *iniSection
	option := -1 // in section: what an indented line continues
	depth := 0   // of that option
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		at := place{file: file, line: number}
		bare := strings.TrimSpace(uncommented(line))
		indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		switch title := iniTitle.FindStringSubmatch(bare); {
		case bare == "":
		case section != nil && option >= 0 && indent > depth:
			k := &section.keys[option]
			k.value = strings.TrimPrefix(k.value+"\n"+bare, "\n")
		case title != nil:
			if section = f.named(title[1]); section == nil {
				at.section = "[" + title[1] + "]"
				section = &iniSection{name: title[1], at: at}
				f.sections = append(f.sections, section)
			}
			option = -1
		case section == nil:
			r.wrong(at, "%q stands before the first section", bare)
		default:
			m := iniOption.FindStringSubmatch(bare)
			at.section = section.at.section
			if m == nil || m[1] == "" {
				r.wrong(at, "%q is neither [section] nor key=value", bare)
				continue
			}
			k := iniKey{strings.ToLower(m[1]), m[2], at.of(m[1], number)}
			option, depth = section.add(k, r), indent
		}
	}
}

// add sets a key, which replaces one of its name, and returns where it is.
func (s *iniSection) add(k iniKey, r *reading) int {
	for i, old := range s.keys {
		if old.name == k.name {
			if old.at.file == k.at.file {
				r.warn(k.at, "is there a second time, first on line %d: this one counts, as for supervisord", old.at.line)
			}
			s.keys[i] = k
			return i
		}
	}
	s.keys = append(s.keys, k)
	return len(s.keys) - 1
}

// uncommented is a line up to a comment: ; or # at its beginning or after white
// space, also between quotes, for so it is read.
func uncommented(line string) string {
	for i, c := range line {
		if c != ';' && c != '#' {
			continue
		}
		if before := strings.TrimRightFunc(line[:i], unicode.IsSpace); before == "" || len(before) < i {
			return before
		}
	}
	return line
}
