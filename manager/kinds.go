package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
)

// Kind says what values a property takes, for callers that have only text and
// must make values of it.
type Kind int

// The kinds of properties.
const (
	KindString   Kind = iota // string
	KindBool                 // bool
	KindInt                  // int
	KindSeconds              // float64 or int, from 0 up
	KindArgs                 // string, split as a shell splits words, or a list of strings
	KindList                 // list of strings
	KindMap                  // object of strings
	KindOwner                // string or int: the name or number of a user or group
	KindUmask                // octal string, or int
	KindSignal               // string or int
	KindBackoff              // object of FieldNames, all KindSeconds
	KindFlapping             // object of FieldNames: int, seconds, seconds, int
	KindRlimits              // object by process.RlimitNames: int or string
)

// PropertyKind is the kind of the property of that name, if there is one.
func PropertyKind(name string) (Kind, bool) {
	p, ok := propertyNamed(name)
	return p.kind, ok
}

// FieldNames are the fields of an object of kind KindBackoff or KindFlapping,
// in the order in which they are written where fields have no names.
func (k Kind) FieldNames() []string {
	switch k {
	case KindBackoff:
		return fieldNames(backoffFields)
	case KindFlapping:
		return fieldNames(flappingFields)
	default:
		return nil
	}
}

// field is one field of a property that is an object and is kept in a T.
type field[T any] struct {
	name string
	get  func(*T) any
	set  func(*T, any) error
}

func fieldNames[T any](fields []field[T]) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// setFields sets the fields that v has and leaves the others.
func setFields[T any](to *T, fields []field[T], v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return wrong(v, "an object with "+strings.Join(fieldNames(fields), ", "))
	}
	var errs []error
	for _, f := range fields {
		if v := object[f.name]; v != nil {
			if err := f.set(to, v); err != nil {
				errs = append(errs, &fieldError{f.name, err})
			}
		}
	}
	for _, name := range sortedKeys(object) {
		if names := fieldNames(fields); !slices.Contains(names, name) {
			errs = append(errs, &fieldError{name, fmt.Errorf("is not a known field, the nearest is %q", nearest.Name(name, names))})
		}
	}
	return errors.Join(errs...)
}

func getFields[T any](from *T, fields []field[T]) map[string]any {
	object := make(map[string]any, len(fields))
	for _, f := range fields {
		object[f.name] = f.get(from)
	}
	return object
}
