package importer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
)

// expression is a Python string expression: %(name)s, %(process_num)02d, or %%.
var expression = regexp.MustCompile(`%(%|\(([^)]*)\)([-#0 +]*[0-9]*)([sdi])?)?`)

// expand takes a value apart. names are what expressions may name, with their
// values; ENV_NAME is a variable.
func expand(s string, names map[string]string) ([]piece, error) {
	var pieces []piece
	rest := 0
	for _, m := range expression.FindAllStringSubmatchIndex(s, -1) {
		pieces = append(pieces, piece{text: s[rest:m[0]]})
		rest = m[1]
		if s[m[0]:m[1]] == "%%" {
			pieces = append(pieces, piece{text: "%"})
			continue
		}
		if m[4] < 0 || m[8] < 0 {
			return nil, fmt.Errorf("has a %% that begins no %%(name)s: write %%%% for one that is to stay")
		}
		name, width, verb := s[m[4]:m[5]], s[m[6]:m[7]], s[m[8]:m[9]]
		if variable, ok := strings.CutPrefix(name, "ENV_"); ok {
			pieces = append(pieces, piece{text: variable, variable: true})
			continue
		}
		text, ok := names[name]
		if !ok {
			return nil, fmt.Errorf("names %%(%s), which is nothing; the nearest is %%(%s)", name, nearest.Name(name, slices.Sorted(maps.Keys(names))))
		}
		if n, err := strconv.Atoi(text); err == nil && verb != "s" {
			text = fmt.Sprintf("%"+width+"d", n)
		} else {
			text = fmt.Sprintf("%"+strings.TrimLeft(width, "0")+"s", text)
		}
		pieces = append(pieces, piece{text: text})
	}
	return append(pieces, piece{text: s[rest:]}), nil
}

// now is a value as it is on this machine, for what has to be known to go on.
func now(s string, names map[string]string) (string, error) {
	pieces, err := expand(s, names)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range pieces {
		text := p.text
		if p.variable {
			if text = os.Getenv(p.text); text == "" {
				return "", fmt.Errorf("names the variable %s, which is not set: set it for the import", p.text)
			}
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// here is what %(here)s is: the folder of the main file.
func here(file string) string {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return filepath.Dir(file)
	}
	return folder
}

// pairs takes KEY=value,KEY2="va,lue" apart, in its order.
func pairs(s string) (keys []string, values map[string]string, err error) {
	values = map[string]string{}
	rest := strings.TrimLeft(s, " \t\n,")
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if key = strings.Trim(strings.TrimSpace(key), `"'`); !ok || key == "" || strings.ContainsAny(key, ", \t\n") {
			return nil, nil, fmt.Errorf(`has %q where NAME="value" is wanted`, rest)
		}
		after = strings.TrimLeft(after, " \t\n")
		var text string
		if after != "" && (after[0] == '"' || after[0] == '\'') {
			inside, behind, closed := strings.Cut(after[1:], after[:1])
			if !closed {
				return nil, nil, fmt.Errorf("has a %c after %s that is not closed", after[0], key)
			}
			text, rest = inside, behind
		} else {
			end := strings.IndexAny(after, ", \t\n")
			if end < 0 {
				end = len(after)
			}
			text, rest = after[:end], after[end:]
		}
		behind := strings.TrimLeft(rest, " \t\n")
		if behind != "" && behind[0] != ',' {
			return nil, nil, fmt.Errorf("has %q behind the value of %s: put quotes around the whole value, and a comma behind it", behind, key)
		}
		rest = strings.TrimLeft(behind, " \t\n,")
		if _, twice := values[key]; !twice {
			keys = append(keys, key)
		}
		values[key] = text
	}
	return keys, values, nil
}

// truth reads a boolean as supervisord does.
func truth(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "yes", "true", "on", "1":
		return true, true
	case "no", "false", "off", "0":
		return false, true
	}
	return false, false
}
