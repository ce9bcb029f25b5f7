package manager

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/process"
)

// Property is one property of a description by the name users know it by.
type Property struct {
	Name  string
	Value any // nil when it is not set; marshals to what ParseTemplate accepts
}

// property is a row of the table by which descriptions are parsed and shown.
type property struct {
	name string
	kind Kind
	get  func(t *Template) any
	set  func(t *Template, v any) error // v is not nil
}

// properties are all that a description may have, in the order of the docs.
var properties = []property{
	textProperty("name", func(t *Template) *string { return &t.Name }),
	textProperty("cmd", func(t *Template) *string { return &t.Cmd }),
	{"args", KindArgs, getArgs, setArgs},
	{"env", KindMap, getEnv, setEnv},
	flagProperty("os_env", func(t *Template) *bool { return &t.OSEnv }),
	ownerProperty("uid", func(t *Template) *string { return &t.UID }),
	ownerProperty("gid", func(t *Template) *string { return &t.GID }),
	{"cwd", KindString, getCwd, setCwd},
	{"umask", KindUmask, getUmask, setUmask},
	{"rlimits", KindRlimits, getRlimits, setRlimits},
	optionalProperty("nice", KindInt, func(t *Template) **int { return &t.Nice }, toSmallInt),
	optionalProperty("oom_score_adj", KindInt, func(t *Template) **int { return &t.OOMScoreAdj }, toSmallInt),
	optionalProperty("no_new_privs", KindBool, func(t *Template) **bool { return &t.NoNewPrivs }, toBool),
	{"capabilities", KindList, getCapabilities, setCapabilities},
	flagProperty("shell", func(t *Template) *bool { return &t.Shell }),
	flagProperty("detach", func(t *Template) *bool { return &t.Detach }),
	{"numprocesses", KindInt, getNumProcesses, setNumProcesses},
	flagProperty("start", func(t *Template) *bool { return &t.Start }),
	optionalProperty("priority", KindInt, func(t *Template) **int { return &t.Priority }, toSmallInt),
	{"graceful_timeout", KindSeconds, getGracefulTimeout, setGracefulTimeout},
	{"stop_signal", KindSignal, getStopSignal, setStopSignal},
	{"restart", KindString, getRestart, setRestart},
	{"backoff", KindBackoff, getBackoff, setBackoff},
	{"flapping", KindFlapping, getFlapping, setFlapping},
	listProperty("redirect_output", func(t *Template) *[]string { return &t.RedirectOutput }),
	flagProperty("redirect_input", func(t *Template) *bool { return &t.RedirectInput }),
	listProperty("custom_streams", func(t *Template) *[]string { return &t.CustomStreams }),
	flagProperty("backpressure", func(t *Template) *bool { return &t.Backpressure }),
	flagProperty("essential", func(t *Template) *bool { return &t.Essential }),
}

func propertyNamed(name string) (property, bool) {
	i := slices.IndexFunc(properties, func(p property) bool { return p.name == name })
	if i < 0 {
		return property{}, false
	}
	return properties[i], true
}

// PropertyNames are the names of all properties, in the order of the docs.
func PropertyNames() []string {
	names := make([]string, len(properties))
	for i, p := range properties {
		names[i] = p.name
	}
	return names
}

// Properties are all properties with their effective values, in the order of
// the docs. ParseTemplate makes the same template of them.
func (t *Template) Properties() []Property {
	shown := make([]Property, len(properties), len(properties)+8) // room for the state that httpapi appends
	for i, p := range properties {
		shown[i] = Property{Name: p.name, Value: p.get(t)}
	}
	return shown
}

// description is what ParseTemplate makes the template of.
func (t *Template) description() map[string]any {
	d := make(map[string]any)
	for _, p := range t.Properties() {
		if p.Value != nil {
			d[p.Name] = p.Value
		}
	}
	return d
}

// ParseTemplate reads a description from what JSON, YAML and INI decode to:
// values are nil, bool, float64, int, string, []any and map[string]any, and
// what Properties shows. A nil value is as good as leaving the property out.
//
// It reports all mistakes at once, as errors.Join of *process.PropertyError
// and ErrBadValue, in the order of the docs and unknown properties last.
func ParseTemplate(description map[string]any) (Template, error) {
	t := NewTemplate("", "")
	mistaken := map[string]error{}
	for _, p := range properties {
		if v := description[p.name]; v != nil {
			if err := p.set(&t, v); err != nil {
				mistaken[p.name] = asPropertyErrors(p.name, err)
			}
		}
	}
	errs := slices.Collect(mistakes(mistaken, t.Validate()))
	var unknown []string
	for name := range description {
		if _, ok := propertyNamed(name); !ok {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		errs = append(errs, &process.PropertyError{Property: shorten(name), Problem: unknownProblem(name)})
	}
	if err := errors.Join(errs...); err != nil {
		return Template{}, err
	}
	return t, nil
}

func unknownProblem(name string) string {
	if ours, ok := elsewhere[strings.ToLower(name)]; ok {
		return fmt.Sprintf("is called %q here", ours)
	}
	return fmt.Sprintf("is not a known property, the nearest is %q", nearest.Name(name, PropertyNames()))
}

// mistakes yields those found while parsing, and of those found by validating
// the ones about other properties: a property that could not be read keeps its
// default, about which nobody wants to hear.
func mistakes(parsed map[string]error, validated error) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, p := range properties {
			if err := parsed[p.name]; err != nil && !yield(err) {
				return
			}
		}
		for _, err := range flatten(validated) {
			property := ""
			if e, ok := errors.AsType[*process.PropertyError](err); ok {
				property, _, _ = strings.Cut(e.Property, ".")
			}
			if parsed[property] == nil && !yield(err) {
				return
			}
		}
	}
}

// flatten takes errors.Join apart, also where it was joined again.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// asPropertyErrors is what a property's set returned, as callers know it.
func asPropertyErrors(name string, err error) error {
	errs := flatten(err)
	for i, err := range errs {
		switch e := err.(type) {
		case *rangeError:
		case *fieldError:
			errs[i] = &process.PropertyError{Property: name + "." + shorten(e.field), Problem: e.err.Error()}
		default:
			errs[i] = &process.PropertyError{Property: name, Problem: err.Error()}
		}
	}
	return errors.Join(errs...)
}

// shorten keeps names that users made up from filling an answer.
func shorten(name string) string {
	if r := []rune(name); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return name
}
