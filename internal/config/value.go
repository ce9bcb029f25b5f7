package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	shellquote "github.com/kballard/go-shellquote"
)

// The parsers of this file turn a value that is written as text into the one
// that decoded JSON would have. Their errors say what came and what is wanted.

func parseCommand(raw string) (any, error) { return raw, nil }

func parseText(raw string) (any, error) { return unquote(raw), nil }

func parseFlag(raw string) (any, error) {
	switch strings.ToLower(unquote(raw)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return nil, fmt.Errorf("got %s, want true or false (or yes or no, on or off, 1 or 0)", quote(raw))
}

// parseNumber gives an int for what is written as one, else a float64.
func parseNumber(raw string) (any, error) {
	s := unquote(raw)
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || strings.Trim(s, "0123456789.+-eE") != "" {
		return nil, fmt.Errorf("got %s, want a number", quote(raw))
	}
	return f, nil
}

// numbers is `2, 1., 7., 5`, with commas or spaces: the fields of an object in
// their order, of which the last may be left out down to the least count.
func numbers(least int, fields []string) form {
	return form{func(raw string) (any, error) {
		given := strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
		if len(given) < least || len(given) > len(fields) {
			return nil, fmt.Errorf("got %s, want %d numbers: %s", quote(raw), len(fields), strings.Join(fields, ", "))
		}
		object := make(map[string]any, len(given))
		for i, s := range given {
			n, err := parseNumber(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fields[i], err)
			}
			object[fields[i]] = n
		}
		return object, nil
	}}
}

// parseList splits at commas; what is empty between two of them is left out.
func parseList(raw string) (any, error) {
	items := []any{}
	for item := range strings.SplitSeq(raw, ",") {
		if item = unquote(strings.TrimSpace(item)); item != "" {
			items = append(items, item)
		}
	}
	return items, nil
}

func parseWords(raw string) (any, error) {
	split, err := shellquote.Split(raw)
	if err != nil {
		return nil, fmt.Errorf("got %s, in which a quote is not closed", quote(raw))
	}
	items := make([]any, len(split))
	for i, word := range split {
		items[i] = word
	}
	return items, nil
}

func refuseMap(string) (any, error) {
	return nil, errors.New("is not written in one line: give each variable as env:KEY = value")
}

func refuseName(string) (any, error) {
	return nil, errors.New("is what follows the colon in [process:NAME]: leave it out here")
}

// unquote takes off a pair of quotes that encloses the whole of s.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && quoteEnd(s, 0) == len(s)-1 {
		return s[1 : len(s)-1]
	}
	return s
}
