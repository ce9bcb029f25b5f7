package tokens

import (
	"fmt"
	"strings"
)

const (
	maxPatterns = 100
	maxPattern  = 128 // as long as the name of a process

	nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@+-:"
)

func checkPatterns(patterns []string) error {
	if len(patterns) > maxPatterns {
		return fmt.Errorf("%w: %d patterns are too many, a token may have %d", ErrInvalid, len(patterns), maxPatterns)
	}
	for _, p := range patterns {
		if p == "" || len(p) > maxPattern || strings.Trim(p, nameCharacters+"*?") != "" {
			return fmt.Errorf("%w: %.40q is no pattern of names: write one such as web, shop:* or *:worker-?", ErrInvalid, p)
		}
	}
	return nil
}

// matches reports whether name is what the pattern stands for: in it a * is any
// number of characters, a ? is one.
func matches(pattern, name string) bool { return match(pattern, name, false) }

// matchesBelow reports whether there can be a name that begins with prefix and is
// what the pattern stands for.
func matchesBelow(pattern, prefix string) bool { return match(pattern, prefix, true) }

// match tries each place to which the last * may reach. Where open, text is only
// the beginning of what there may be.
func match(pattern, text string, open bool) bool {
	star, back := -1, 0
	p, i := 0, 0
	for i < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[i]):
			p++
			i++
		case star >= 0:
			back++
			p, i = star+1, back
		default:
			return false
		}
	}
	return open || strings.Trim(pattern[p:], "*") == ""
}
