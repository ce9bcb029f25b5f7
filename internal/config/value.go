package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	shellquote "github.com/kballard/go-shellquote"
)

// The parsers of this file turn a value that is written as text into the one
// that decoded JSON would have. Their errors say what came and what is wanted.

func parseCommand(raw string, _ lookup) (any, error) { return raw, nil }

func parseText(raw string, env lookup) (any, error) { return env.expand(unquote(raw)) }

func parseFlag(raw string, env lookup) (any, error) {
	s, err := env.expand(unquote(raw))
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return nil, fmt.Errorf("got %s, want true or false (or yes or no, on or off, 1 or 0)", quote(s))
}

// parseNumber gives an int for what is written as one, else a float64.
func parseNumber(raw string, env lookup) (any, error) {
	s, err := env.expand(unquote(raw))
	if err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || strings.Trim(s, "0123456789.+-eE") != "" {
		return nil, fmt.Errorf("got %s, want a number", quote(s))
	}
	return f, nil
}

// unit is a suffix of a number, and by what it multiplies it.
type unit struct {
	name string
	by   float64
}

var (
	sizes = []unit{
		{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
		{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1},
	}
	times = []unit{
		{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400},
	}
)

// parseSize gives bytes, as a number. What has no unit is MiB.
func parseSize(raw string, env lookup) (any, error) {
	return parseUnits(raw, env, sizes, 1<<20, sizeWords)
}

// parseAge gives seconds, as a number.
func parseAge(raw string, env lookup) (any, error) { return parseUnits(raw, env, times, 1, ageWords) }

func parseUnits(raw string, env lookup, units []unit, by float64, wanted string) (any, error) {
	s, err := env.expand(unquote(raw))
	if err != nil {
		return nil, err
	}
	digits := strings.ToLower(s)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, by = strings.TrimSpace(rest), u.by
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.+-") != "" {
		return nil, fmt.Errorf("got %s, want %s", quote(s), wanted)
	}
	return n * by, nil
}

// parseFields is `2, 1., 7., 5`, with commas or spaces: the fields of an object
// in their order, of which the last may be left out down to the least count. One
// that is empty is none: what follows it would be taken for another.
func parseFields(least int, fields []string) func(string, lookup) (any, error) {
	return func(raw string, env lookup) (any, error) {
		var given []string
		pieces := strings.Split(raw, ",")
		for i, piece := range pieces {
			words := strings.Fields(piece)
			if len(words) == 0 && i < len(pieces)-1 && len(given) < len(fields) {
				return nil, fmt.Errorf("got %s, in which %s is empty: want %d numbers: %s", quote(raw), fields[len(given)], len(fields), strings.Join(fields, ", "))
			}
			given = append(given, words...)
		}
		if len(given) < least || len(given) > len(fields) {
			return nil, fmt.Errorf("got %s, want %d numbers: %s", quote(raw), len(fields), strings.Join(fields, ", "))
		}
		object := make(map[string]any, len(given))
		for i, s := range given {
			n, err := parseNumber(s, env)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fields[i], err)
			}
			object[fields[i]] = n
		}
		return object, nil
	}
}

// parseLimits is `nofile=1024, nproc=100:200`, with commas or spaces.
func parseLimits(raw string, env lookup) (any, error) {
	object := map[string]any{}
	var errs []error
	for _, item := range strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(", \t\n", r) }) {
		name, text, ok := strings.Cut(item, "=")
		if _, twice := object[name]; !ok || twice {
			errs = append(errs, fmt.Errorf("got %s, want each limit once, such as nofile=1024, core=unlimited or nproc=100:200", quote(item)))
			continue
		}
		value, err := parseLimit(text, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		object[name] = value
	}
	return object, errors.Join(errs...)
}

// parseLimit gives an int for what is written as one, else text.
func parseLimit(raw string, env lookup) (any, error) {
	s, err := env.expand(unquote(raw))
	if n, numberErr := strconv.Atoi(s); err == nil && numberErr == nil {
		return n, nil
	}
	return s, err
}

// parseList splits at commas; what is empty between two of them is left out.
func parseList(raw string, env lookup) (any, error) {
	var split []string
	for item := range strings.SplitSeq(raw, ",") {
		if item = unquote(strings.TrimSpace(item)); item != "" {
			split = append(split, item)
		}
	}
	return expandItems(split, env)
}

// parseWords splits as a shell does.
func parseWords(raw string, env lookup) (any, error) {
	split, err := shellquote.Split(raw)
	if err != nil {
		return nil, fmt.Errorf("got %s, in which a quote is not closed", quote(raw))
	}
	return expandItems(split, env)
}

// parseURLs are words that may have commas between them.
func parseURLs(raw string, env lookup) (any, error) {
	value, err := parseWords(raw, env)
	items, _ := value.([]any)
	for i, item := range items {
		items[i] = strings.TrimRight(fmt.Sprint(item), ",")
	}
	return value, err
}

func expandItems(split []string, env lookup) (any, error) {
	items := make([]any, len(split))
	var errs []error
	for i, s := range split {
		item, err := env.expand(s)
		if err != nil {
			errs = append(errs, err)
		}
		items[i] = item
	}
	return items, errors.Join(errs...)
}

// joinWords is what parseWords splits, without what INI takes for a comment.
func joinWords(split []string) string {
	quoted := make([]string, len(split))
	for i, word := range split {
		quoted[i] = shellquote.Join(word)
		if strings.HasPrefix(quoted[i], "#") {
			quoted[i] = "\\" + quoted[i]
		}
	}
	return strings.Join(quoted, " ")
}

func refuseMap(property string) func(string, lookup) (any, error) {
	return func(string, lookup) (any, error) {
		return nil, fmt.Errorf("is not written in one line: give each as %s:KEY = value", property)
	}
}

func refuseName(string, lookup) (any, error) {
	return nil, errors.New("is what follows the colon in [process:NAME]: leave it out here")
}

// seconds is a number of seconds as a duration: above 0, and at most a year.
func seconds(value any) (time.Duration, error) {
	const year = 366 * 24 * time.Hour
	s, _ := toFloat(value)
	if !(s > 0 && s <= year.Seconds()) {
		return 0, fmt.Errorf("%s seconds is not a time: give one above 0, at most a year, such as 90s, 12h or 7d", strconv.FormatFloat(s, 'f', -1, 64))
	}
	return time.Duration(s * float64(time.Second)), nil
}

func toFloat(value any) (float64, bool) {
	switch v := value.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// unquote takes off a pair of quotes that encloses the whole of s.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && quoteEnd(s, 0) == len(s)-1 {
		return s[1 : len(s)-1]
	}
	return s
}
