package manager

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The functions of this file turn a decoded value into what a property holds.
// Their errors say what came and what is wanted, in words that follow the
// property's name.

// maxSeconds bounds every duration: about 31 years.
const maxSeconds = 1e9

func wrong(v any, wanted string) error {
	return fmt.Errorf("got %s, want %s", describe(v), wanted)
}

// describe names a value and its type, short enough for one sentence.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v) + " (a boolean)"
	case int:
		return strconv.Itoa(v) + " (a number)"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64) + " (a number)"
	case string:
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		return strconv.Quote(v) + " (a string)"
	case []any, []string:
		return "a list"
	case map[string]any, map[string]string:
		return "an object"
	default:
		return fmt.Sprintf("a %T", v)
	}
}

func toString(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", wrong(v, "a string")
}

func toBool(v any) (bool, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, wrong(v, "true or false")
}

// toInt takes numbers without a fraction. In range is false for one that is
// too large to be an int, which is not a question of its type.
func toInt(v any) (n int, inRange bool, err error) {
	switch v := v.(type) {
	case int:
		return v, true, nil
	case float64:
		switch {
		case v != math.Trunc(v) || math.IsInf(v, 0):
			return 0, false, wrong(v, "a whole number")
		case math.Abs(v) > 1<<53:
			return 0, false, nil
		}
		return int(v), true, nil
	}
	return 0, false, wrong(v, "a whole number")
}

func toSmallInt(v any) (int, error) {
	n, inRange, err := toInt(v)
	if err == nil && (!inRange || n < math.MinInt32 || n > math.MaxInt32) {
		err = wrong(v, "a number that is not that large")
	}
	return n, err
}

func toSeconds(v any) (time.Duration, error) {
	var s float64
	switch v := v.(type) {
	case int:
		s = float64(v)
	case float64:
		s = v
	default:
		return 0, wrong(v, "a number of seconds")
	}
	if !(s >= 0 && s <= maxSeconds) {
		return 0, wrong(v, "seconds from 0 to 1000000000")
	}
	return time.Duration(s * float64(time.Second)), nil
}

func toStrings(v any) ([]string, error) {
	switch v := v.(type) {
	case []string:
		return append([]string{}, v...), nil
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("item %d: %w", i+1, wrong(item, "a string"))
			}
			list[i] = s
		}
		return list, nil
	}
	return nil, wrong(v, "a list of strings")
}

// toOwner takes the name or number of a user or group.
func toOwner(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	n, inRange, err := toInt(v)
	if err != nil || !inRange || n < 0 {
		return "", wrong(v, "a name or a number from 0 up")
	}
	return strconv.Itoa(n), nil
}

// fromOwner shows numbers as numbers, and what is not set as null.
func fromOwner(s string) any {
	if s == "" {
		return nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1<<32 && strconv.FormatInt(n, 10) == s {
		return int(n)
	}
	return s
}

// toUmask takes a number as it is and a string as octal, with or without 0o.
func toUmask(v any) (int, error) {
	const wanted = `an octal string such as "022", or a number from 0 to 511 (0o777)`
	if s, ok := v.(string); ok {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
		if err != nil || n > 0o777 {
			return 0, wrong(v, wanted)
		}
		return int(n), nil
	}
	n, inRange, err := toInt(v)
	if err != nil || !inRange || n < 0 || n > 0o777 {
		return 0, wrong(v, wanted)
	}
	return n, nil
}
