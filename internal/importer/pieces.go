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

// escape has gafferd take text as it stands.
func escape(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// command is the pieces as a gaffer.yaml has them in cmd, where the process's own
// environment replaces variables, and nothing is escaped.
func command(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.variable {
			b.WriteString("${" + p.text + "}")
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// dollar is what gafferd takes for a variable in cmd.
var dollar = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// shells run what follows -c, and replace variables in it as gafferd does.
var shells = regexp.MustCompile(`^(\S*/)?(sh|bash|dash|zsh|ksh|ash|fish) (-[a-z]+ )*-[a-z]*c `)

// warnOfDollars tells of a $NAME in a command that was handed to its program as
// it stands.
func (r *reading) warnOfDollars(at place, literal string) {
	if found := dollar.FindString(literal); found != "" && !shells.MatchString(literal) {
		r.warn(at, "has %s, which gafferd replaces where the environment of the process has it; there is no way to have it left alone", found)
	}
}
