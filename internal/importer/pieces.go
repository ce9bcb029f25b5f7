package importer

import (
	"regexp"
	"strings"
)

// piece is a part of a value: text that stands for itself, or a variable of the
// environment.
type piece struct {
	text     string
	variable bool
	standard string // of the variable, with the :- before it, or empty
}

// value is the pieces as a gaffer.yaml has them in a property. ok is false if
// that cannot be said: a variable behind a $ that stands for itself.
func value(pieces []piece) (s string, ok bool) {
	var b strings.Builder
	literal := "" // since the last variable
	for _, p := range pieces {
		if !p.variable {
			literal += p.text
			continue
		}
		if strings.HasSuffix(literal, "$") {
			return "", false
		}
		b.WriteString(escape(literal) + "${" + p.text + p.standard + "}")
		literal = ""
	}
	b.WriteString(escape(literal))
	return b.String(), true
}

// literals is the text in pieces that stands for itself, with a space for each
// variable.
func literals(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.variable {
			b.WriteByte(' ')
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// escape has gafferd take text as it stands.
func escape(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// command is the pieces as a gaffer.yaml has them in cmd, where the process's own
// environment replaces variables. What it is sure to replace is escaped in text
// that stands for itself.
func (p *process) command(pieces []piece) string {
	var b strings.Builder
	literal := "" // since the last variable
	for _, piece := range pieces {
		if !piece.variable {
			literal += piece.text
			continue
		}
		text := strings.TrimRight(literal, "$")
		dollars := literal[len(text):]
		b.WriteString(p.literal(text) + dollars + dollars + "${" + piece.text + "}")
		literal = ""
	}
	return b.String() + p.literal(literal)
}

// literal is text of a command that stands for itself, as a gaffer.yaml has it.
func (p *process) literal(text string) string {
	return dollar.ReplaceAllStringFunc(text, func(found string) string {
		if !p.sets(variableIn(found)) {
			return found
		}
		name := strings.TrimLeft(found, "$")
		dollars := found[:len(found)-len(name)]
		return dollars + dollars + name
	})
}

// sets reports whether the process has a variable, whatever gafferd's own
// environment holds.
func (p *process) sets(name string) bool {
	for _, s := range p.settings {
		if env, ok := s.value.(map[string]string); ok && s.property == "env" {
			_, ok = env[name]
			return ok
		}
	}
	return false
}

// dollar is what gafferd takes for a variable in cmd, with all $ before it.
var dollar = regexp.MustCompile(`\$+([A-Za-z_]\w*|\{[A-Za-z_]\w*\})`)

// variableIn is the name in what dollar has found.
func variableIn(found string) string { return strings.Trim(found, "${}") }

// shells run what follows -c, and replace variables in it as gafferd does.
var shells = regexp.MustCompile(`^(\S*/)?(sh|bash|dash|zsh|ksh|ash|fish) (-[a-z]+ )*-[a-z]*c `)

// warnOfDollars tells of a $NAME in a command that was handed to its program as
// it stands, if it cannot be known what gafferd does to it.
func (r *reading) warnOfDollars(at place, p *process, literal string) {
	if shells.MatchString(literal) {
		return
	}
	for _, found := range dollar.FindAllString(literal, -1) {
		if name := variableIn(found); !p.sets(name) {
			found = strings.TrimLeft(found, "$")
			r.warn(at, "has $%s, which gafferd replaces where the environment of the process has %s: write $$%s if it has", found, name, found)
			return
		}
	}
}
