package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gafferd/gaffer/internal/nearest"
)

// Properties that are objects with fields of their own: backoff and flapping.

var backoffFields = []field[Backoff]{
	secondsField("initial", func(b *Backoff) *time.Duration { return &b.Initial }),
	secondsField("max", func(b *Backoff) *time.Duration { return &b.Max }),
	secondsField("reset", func(b *Backoff) *time.Duration { return &b.Reset }),
}

func getBackoff(t *Template) any { return getFields(&t.Backoff, backoffFields) }

// setBackoff raises a max that was not given to a longer initial that was.
func setBackoff(t *Template, v any) error {
	b := t.Backoff
	if err := setFields(&b, backoffFields, v); err != nil {
		return err
	}
	if object := v.(map[string]any); object["max"] == nil {
		b.Max = max(b.Max, b.Initial)
	}
	t.Backoff = b
	return nil
}

var flappingFields = []field[Flapping]{
	countField("attempts", func(f *Flapping) *int { return &f.Attempts }),
	secondsField("window", func(f *Flapping) *time.Duration { return &f.Window }),
	secondsField("retry_in", func(f *Flapping) *time.Duration { return &f.RetryIn }),
	countField("max_retry", func(f *Flapping) *int { return &f.MaxRetry }),
}

func getFlapping(t *Template) any {
	if t.Flapping == nil {
		return nil
	}
	return getFields(t.Flapping, flappingFields)
}

func setFlapping(t *Template, v any) error {
	if v == false {
		t.Flapping = nil
		return nil
	}
	f := defaultFlapping
	if err := setFields(&f, flappingFields, v); err != nil {
		return err
	}
	t.Flapping = &f
	return nil
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

func secondsField[T any](name string, in func(*T) *time.Duration) field[T] {
	return field[T]{name, func(t *T) any { return in(t).Seconds() }, func(t *T, v any) (err error) {
		*in(t), err = toSeconds(v)
		return err
	}}
}

func countField[T any](name string, in func(*T) *int) field[T] {
	return field[T]{name, func(t *T) any { return *in(t) }, func(t *T, v any) (err error) {
		*in(t), err = toSmallInt(v)
		return err
	}}
}

// fieldError is a mistake in one field of a property that has several.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
