package process

import (
	"errors"
	"strings"

	"github.com/kballard/go-shellquote"
)

// splitWords splits a line as a shell splits words, without running anything.
func splitWords(line string) ([]string, error) {
	words, err := shellquote.Split(line)
	switch {
	case errors.Is(err, shellquote.UnterminatedSingleQuoteError):
		return nil, errors.New("a ' is not closed")
	case errors.Is(err, shellquote.UnterminatedDoubleQuoteError):
		return nil, errors.New("a \" is not closed")
	case errors.Is(err, shellquote.UnterminatedEscapeError):
		return nil, errors.New("nothing follows the \\ at its end")
	}
	return words, err
}

// joinWords quotes words so that a shell reads each of them as it is.
func joinWords(words []string) string { return shellquote.Join(words...) }

// expand replaces $NAME and ${NAME} in word where env sets NAME. Directly before
// such a name $$ is one $ that stays, so that $$NAME is a $NAME for the program.
// Every other $ stays as it is written, $$ too, which is a shell's own pid.
func expand(word string, env map[string]string) string {
	if !strings.Contains(word, "$") {
		return word
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(word, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		behind := strings.TrimLeft(after, "$")
		dollars := 1 + len(after) - len(behind)
		name, rest := variable(behind)
		value, set := env[name]
		if !set || name == "" {
			b.WriteString(strings.Repeat("$", dollars))
			word = behind
			continue
		}
		b.WriteString(strings.Repeat("$", dollars/2))
		if dollars%2 == 0 {
			value = behind[:len(behind)-len(rest)]
		}
		b.WriteString(value)
		word = rest
	}
}

// variable returns the name at the beginning of s, which follows a $, and what
// comes after it; name is "" when there is none.
func variable(s string) (name, rest string) {
	inner, braced := strings.CutPrefix(s, "{")
	n := 0
	for n < len(inner) && (inner[n] == '_' || isLetter(inner[n]) || n > 0 && isDigit(inner[n])) {
		n++
	}
	if !braced {
		return inner[:n], inner[n:]
	}
	if rest, closed := strings.CutPrefix(inner[n:], "}"); closed {
		return inner[:n], rest
	}
	return "", s
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
