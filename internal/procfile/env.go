package procfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// assignment is the beginning of a variable: "NAME=", or "export NAME=" for files
// that a shell reads as well. The space behind it tells a comment from a value that
// begins with #.
var assignment = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=(.*)$`)

// ParseEnv reads a .env file. A value goes to the end of its line, or to a # after
// a space. In 'single quotes' everything stands for itself, in "double quotes"
// \n, \r, \t, \" and \\ are what they are in C; both may go over several
// lines. $ stands for itself everywhere: nothing is replaced. When a name is
// there twice, the last one counts.
//
// All mistakes are reported, each after the name of the file and its line, and
// without the value: it may be a secret.
func ParseEnv(file string, text []byte) (map[string]string, error) {
	env := map[string]string{}
	var errs []error
	rest := lines(text)
	for n := 1; len(rest) > 0; {
		at := n
		first := rest[0]
		rest, n = rest[1:], n+1
		if blank(first) {
			continue
		}
		m := assignment.FindStringSubmatch(first)
		if m == nil {
			errs = append(errs, fmt.Errorf("%s:%d: want NAME=value, with a name of letters, digits and _", file, at))
			continue
		}
		value, taken, err := parseValue(m[2], rest)
		rest, n = rest[taken:], n+taken
		if err == nil && strings.ContainsRune(value, 0) {
			err = errors.New("there is a NUL byte in the value")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", file, at, m[1], err))
		}
		env[m[1]] = value
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return env, nil
}

// parseValue reads a value that begins with first, and says how many of the
// lines below it are part of it.
func parseValue(first string, below []string) (value string, taken int, err error) {
	text := strings.TrimLeft(first, " \t")
	if text == "" || text[0] != '\'' && text[0] != '"' {
		return unquoted(first), 0, nil
	}
	quote := text[0]
	text = text[1:]
	for {
		inside, after, closed := untilQuote(text, quote)
		switch {
		case closed && !blank(after):
			return "", taken, fmt.Errorf("there is something behind the closing %c: a quote inside is written \\\", in double quotes", quote)
		case closed && quote == '"':
			return unescaped(inside), taken, nil
		case closed:
			return inside, taken, nil
		case taken == len(below):
			// What follows may well be variables, with mistakes of their own.
			return "", 0, fmt.Errorf("the closing %c is missing", quote)
		}
		text += "\n" + below[taken]
		taken++
	}
}

// unquoted is a value without the space around it and the comment behind it.
func unquoted(value string) string {
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && (value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
		}
	}
	return strings.Trim(value, " \t")
}

// untilQuote cuts text at the quote that closes it.
func untilQuote(text string, quote byte) (inside, after string, closed bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote:
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

var escapes = map[byte]string{'n': "\n", 'r': "\r", 't': "\t"}

// unescaped is what stands between double quotes. A backslash before anything
// else goes, as in Foreman.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if special, ok := escapes[text[i]]; ok {
			b.WriteString(special)
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
