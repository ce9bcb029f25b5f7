package manager

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/gafferd/gaffer/process"
)

// Rows of the table for the kinds that several properties share.

func textProperty(name string, in func(*Template) *string) property {
	return property{name, KindString, func(t *Template) any { return *in(t) }, func(t *Template, v any) (err error) {
		*in(t), err = toString(v)
		return err
	}}
}

func flagProperty(name string, in func(*Template) *bool) property {
	return property{name, KindBool, func(t *Template) any { return *in(t) }, func(t *Template, v any) (err error) {
		*in(t), err = toBool(v)
		return err
	}}
}

func ownerProperty(name string, in func(*Template) *string) property {
	return property{name, KindOwner, func(t *Template) any { return fromOwner(*in(t)) }, func(t *Template, v any) (err error) {
		*in(t), err = toOwner(v)
		return err
	}}
}

func listProperty(name string, in func(*Template) *[]string) property {
	return property{name, KindList, func(t *Template) any { return append([]string{}, *in(t)...) }, func(t *Template, v any) (err error) {
		*in(t), err = toStrings(v)
		return err
	}}
}

// optionalProperty is null until it is set.
func optionalProperty[T any](name string, kind Kind, in func(*Template) **T, to func(any) (T, error)) property {
	get := func(t *Template) any {
		if v := *in(t); v != nil {
			return *v
		}
		return nil
	}
	return property{name, kind, get, func(t *Template, v any) error {
		value, err := to(v)
		if err == nil {
			*in(t) = &value
		}
		return err
	}}
}

// args are kept and shown as they were sent, a list or a string.

func getArgs(t *Template) any {
	switch {
	case t.Args != nil:
		return append([]string{}, t.Args...)
	case t.ArgsLine != "":
		return t.ArgsLine
	default:
		return nil
	}
}

func setArgs(t *Template, v any) (err error) {
	switch v := v.(type) {
	case string:
		t.ArgsLine = v
		if v == "" {
			t.Args = []string{} // given, and empty: cmd is not split
		}
		return nil
	case []any, []string:
		t.Args, err = toStrings(v)
		return err
	default:
		return wrong(v, "a list of strings or a string")
	}
}

func getEnv(t *Template) any {
	env := make(map[string]string, len(t.Env))
	maps.Copy(env, t.Env)
	return env
}

func setEnv(t *Template, v any) error {
	env := map[string]string{}
	switch v := v.(type) {
	case map[string]string:
		maps.Copy(env, v)
	case map[string]any:
		var errs []error
		for _, key := range sortedKeys(v) {
			s, err := toString(v[key])
			if err != nil {
				errs = append(errs, &fieldError{key, err})
			}
			env[key] = s
		}
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
	default:
		return wrong(v, "an object of strings")
	}
	t.Env = env
	return nil
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func getCwd(t *Template) any {
	if t.Cwd == "" {
		return nil
	}
	return t.Cwd
}

func setCwd(t *Template, v any) (err error) {
	t.Cwd, err = toString(v)
	return err
}

func getUmask(t *Template) any {
	if t.Umask < 0 {
		return nil
	}
	return fmt.Sprintf("%03o", t.Umask)
}

func setUmask(t *Template, v any) (err error) {
	umask, err := toUmask(v)
	if err == nil {
		t.Umask = umask
	}
	return err
}

func getNumProcesses(t *Template) any { return t.NumProcesses }

func setNumProcesses(t *Template, v any) error {
	n, inRange, err := toInt(v)
	switch {
	case err != nil:
		return err
	case inRange && n < 0:
		return &rangeError{"numprocesses", wrong(v, "0 or more").Error()}
	case !inRange || n > math.MaxInt32: // how many there may be is the Manager's to say
		return &rangeError{"numprocesses", wrong(v, "a number that is not that large").Error()}
	}
	t.NumProcesses = n
	return nil
}

func getGracefulTimeout(t *Template) any { return t.GracefulTimeout.Seconds() }

func setGracefulTimeout(t *Template, v any) error {
	d, err := toSeconds(v)
	if err == nil {
		t.GracefulTimeout = d
	}
	return err
}

func getStopSignal(t *Template) any { return process.SignalName(t.StopSignal) }

func setStopSignal(t *Template, v any) error {
	text, ok := v.(string)
	if !ok {
		n, err := toSmallInt(v)
		if err != nil {
			return wrong(v, `a signal's name or number, such as "TERM" or 15`)
		}
		text = strconv.Itoa(n)
	}
	sig, err := process.ParseSignal(text)
	if err != nil {
		return wrong(v, `a signal's name or number, such as "TERM" or 15`)
	}
	t.StopSignal = sig
	return nil
}

func getRestart(t *Template) any { return string(t.Restart) }

func setRestart(t *Template, v any) error {
	s, err := toString(v)
	if err == nil {
		t.Restart = Restart(s)
	}
	return err
}
