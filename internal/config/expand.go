package config

import (
	"errors"
	"fmt"
	"strings"
)

// lookup finds a variable of the environment, as os.LookupEnv does.
type lookup func(name string) (value string, set bool)

// expand replaces ${NAME} and ${NAME:-default} in a value. Every other $ stays
// as it is written, and $${ is a ${ that is not replaced. What a variable holds
// is text: it is never split, and never looked through for more variables. Errors
// have nothing of the value, which may be a secret.
func (env lookup) expand(s string) (string, error) {
	var (
		b    strings.Builder
		errs []error
	)
	for {
		before, after, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String(), errors.Join(errs...)
		}
		b.WriteString(before)
		if strings.HasSuffix(before, "$") {
			b.WriteString("{")
			s = after
			continue
		}
		inner, rest, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.Join(append(errs, errors.New("has a ${ without a closing }: write ${NAME}, or $${ for a ${ that is to stay"))...)
		}
		value, err := env.variable(inner)
		if err != nil {
			errs = append(errs, err)
		}
		b.WriteString(value)
		s = rest
	}
}

// variable is what stands between ${ and }.
func (env lookup) variable(inner string) (string, error) {
	name, standard, hasDefault := strings.Cut(inner, ":-")
	if !isVariable(name) {
		return "", errors.New("has a ${…} that names no variable: write ${NAME} or ${NAME:-default}, or $${ for a ${ that is to stay")
	}
	value, set := env(name)
	switch {
	case hasDefault && value == "":
		return standard, nil
	case !set:
		return "", fmt.Errorf("%s is not set in the environment of gafferd: set it, or write ${%s:-default}", name, name)
	}
	return value, nil
}

func isVariable(name string) bool {
	for i, r := range name {
		if r != '_' && !('a' <= r|0x20 && r|0x20 <= 'z') && !(i > 0 && '0' <= r && r <= '9') {
			return false
		}
	}
	return name != ""
}

// hasVariable reports whether expand would look at anything in s.
func hasVariable(s string) bool { return strings.Contains(s, "${") }

// escape is s as it has to be written, so that expand leaves it alone.
func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// expandedLater reports whether variables in a property of a process are left
// to the process: its own environment replaces them in cmd and args when it is
// started, and that holds what the daemon's holds, and more.
func expandedLater(property string) bool { return property == "cmd" || property == "args" }
