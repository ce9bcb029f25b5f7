package procfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Entry is one line of a Procfile: a kind of process and what it runs.
type Entry struct {
	Name    string
	Command string // for a shell
}

var (
	line   = regexp.MustCompile(`^([A-Za-z0-9_-]+):[ \t]*(.*)$`)
	digits = regexp.MustCompile(`^[0-9]+$`)
)

// Parse reads a Procfile, in its order. Empty lines and those that begin with #
// are passed over. Every other line that Foreman would ignore is a mistake; all
// mistakes are reported, each after the name of the file and its line.
func Parse(file string, text []byte) ([]Entry, error) {
	var entries []Entry
	var errs []error
	seen := map[string]int{}
	for i, text := range lines(text) {
		if blank(text) {
			continue
		}
		entry, err := parseLine(text)
		if before := seen[entry.Name]; err == nil && before > 0 {
			err = fmt.Errorf("%s is there already, in line %d: names are for one process each", entry.Name, before)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, i+1, err))
			continue
		}
		seen[entry.Name] = i + 1
		entries = append(entries, entry)
	}
	if len(entries) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: there is no process in it: want lines such as \"web: ./server\"", file))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return entries, nil
}

func parseLine(text string) (Entry, error) {
	m := line.FindStringSubmatch(text)
	switch {
	case m == nil && strings.TrimLeft(text, " \t") != text:
		return Entry{}, fmt.Errorf("want \"name: command\" at the beginning of the line, got %s: a command ends with its line", quoted(text))
	case m == nil:
		return Entry{}, fmt.Errorf("want \"name: command\", with a name of letters, digits, _ and -, got %s", quoted(text))
	case m[1][0] == '-':
		return Entry{}, fmt.Errorf("%s: a name begins with a letter, a digit or _", m[1])
	case digits.MatchString(m[1]):
		return Entry{}, fmt.Errorf("%s: a name cannot be a number", m[1])
	case len(m[1]) > 63:
		return Entry{}, fmt.Errorf("%s: a name has 63 characters at most", quoted(m[1]))
	case strings.TrimSpace(m[2]) == "":
		return Entry{}, fmt.Errorf("%s: there is no command after the name", m[1])
	case strings.ContainsRune(m[2], 0):
		return Entry{}, fmt.Errorf("%s: there is a NUL byte in the command", m[1])
	}
	return Entry{Name: m[1], Command: strings.TrimSpace(m[2])}, nil
}

// lines are the lines of a file, however an editor ends them.
func lines(text []byte) []string {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
}

// blank reports a line that says nothing.
func blank(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// quoted is a piece of a file, for a message.
func quoted(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
