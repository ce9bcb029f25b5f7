package httpapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/internal/plainjson"
	"github.com/gafferd/gaffer/process"
)

// readObject reads a body that is an object of properties, such as example.
func readObject(w http.ResponseWriter, r *http.Request, example string) (map[string]any, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fmt.Errorf("%w: it is empty; send an object such as %s", errJSON, example)
	}
	return decodeObject(body)
}

// mistakes are those in the properties of a body.
type mistakes []*process.PropertyError

func (m *mistakes) add(property, problem string) {
	*m = append(*m, &process.PropertyError{Property: property, Problem: problem})
}

// unknown notes a property that is not one of known.
func (m *mistakes) unknown(property string, known []string) {
	m.add(shorten(property), fmt.Sprintf("is not a known property, the nearest is %q", nearest.Name(property, known)))
}

// unwanted notes a property that is something else than what is wanted.
func (m *mistakes) unwanted(property string, got any, want string) {
	text, err := plainjson.Marshal(got)
	if err != nil {
		panic(err) // it came as JSON
	}
	m.add(property, fmt.Sprintf("got %s, want %s", shorten(string(text)), want))
}

// missing notes those of required that were not given.
func (m *mistakes) missing(given map[string]any, required []string) {
	for _, property := range required {
		if _, ok := given[property]; !ok {
			m.add(property, "is missing")
		}
	}
}

// err tells of all mistakes, and how it is right; nil if there are none.
func (m mistakes) err(example string) error {
	if len(m) == 0 {
		return nil
	}
	slices.SortFunc(m, func(a, b *process.PropertyError) int { return cmp.Compare(a.Property, b.Property) })
	var all []error
	for _, e := range m {
		all = append(all, e)
	}
	return fmt.Errorf("%w; send %s", errors.Join(all...), example)
}
