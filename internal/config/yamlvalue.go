package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// shaped is a value in the shape that its key wants. parts gets the places of
// what is in it. Whoever calls it looks whether there were mistakes.
func (r *yamlReader) shaped(n *yaml.Node, how form, in section, key string, parts map[string]place) any {
	switch {
	case how.shape == scalar && n.Kind != yaml.ScalarNode:
		r.wrong(n, in, key, "got %s, want %s", r.came(n), how.words)
		return nil
	case how.shape == many && n.Kind == yaml.ScalarNode:
		v, _ := r.scalar(n, how, in, key)
		return []any{v}
	case how.shape == many && n.Kind != yaml.SequenceNode:
		r.wrong(n, in, key, "got %s, want %s", r.came(n), how.words)
		return nil
	}
	return r.value(n, how, in, key, "", parts)
}

// value is a node as decoded JSON would have it.
func (r *yamlReader) value(n *yaml.Node, how form, in section, key, part string, parts map[string]place) any {
	switch n.Kind {
	case yaml.SequenceNode:
		items := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			name := key + "[" + strconv.Itoa(i) + "]"
			switch {
			case !r.plain(item, in, name):
			case how.shape == many && (item.Kind != yaml.ScalarNode || isNull(item)):
				r.wrong(item, in, name, "got %s, want text", r.came(item))
			default:
				items = append(items, r.value(item, how, in, name, part, parts))
			}
		}
		return items
	case yaml.MappingNode:
		object := map[string]any{}
		if how.field != nil {
			how = *how.field
		}
		for field, value := range r.entries(n, in, key+".") {
			name := strings.TrimPrefix(part+"."+field.Value, ".")
			parts[name] = r.at(field)
			object[field.Value] = r.value(value, how, in, key+"."+field.Value, name, parts)
		}
		return object
	default:
		v, _ := r.scalar(n, how, in, key)
		return v
	}
}

// scalar is one value, with the variables in it replaced. What comes of them is
// read as INI would read it, also between quotes, without which YAML takes no
// variable in brackets: numprocesses: ${WORKERS}, backoff: {max: "${MAX}"}.
func (r *yamlReader) scalar(n *yaml.Node, how form, in section, key string) (v any, ok bool) {
	var err error
	switch {
	case how.raw:
		v = n.Value
	case hasVariable(n.Value):
		v, err = r.env.expand(n.Value)
		if err == nil && !how.texts && how.parse != nil {
			literal := lookup(func(string) (string, bool) { return "", false })
			v, err = how.parse(escape(fmt.Sprint(v)), literal)
		}
	case how.texts:
		v = n.Value
	case how.units:
		v, err = how.parse(n.Value, r.env)
	default:
		v, err = bareValue(n)
		if err == nil && how.takes != nil && !how.takes(v) {
			err = fmt.Errorf("got %s, want %s", r.came(n), how.words)
		}
	}
	for _, err := range leaves(err) {
		r.wrong(n, in, key, "%v", err)
	}
	return v, err == nil
}

// bareValue is a scalar as YAML resolves it, of the types that JSON has.
func bareValue(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool", "!!int":
		if v, err := strconv.Atoi(n.Value); err == nil {
			return v, nil // 010 is ten, as in INI and in YAML 1.2, and not eight
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, fmt.Errorf("got %s: %w", quote(n.Value), err)
		}
		switch v.(type) {
		case bool, int:
			return v, nil
		}
		return nil, fmt.Errorf("got %s, which is too large a number", quote(n.Value))
	case "!!float":
		return parseNumber(n.Value, nil)
	}
	return n.Value, nil
}

// came says what a node is, for messages.
func (r *yamlReader) came(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "an object"
	}
	if isNull(n) {
		return "nothing"
	}
	return quote(n.Value)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
