package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/manager"
)

// MarshalYAML writes templates as a gaffer.yaml. Properties that have their
// defaults are left out.
func MarshalYAML(templates []manager.Template) ([]byte, error) {
	described := make([]Described, len(templates))
	for i, t := range templates {
		described[i].Name = t.Name
		for _, p := range given(t) {
			described[i].Properties = append(described[i].Properties, manager.Property{Name: p.Name, Value: escaped(p)})
		}
	}
	return MarshalDescribed(described)
}

// Described is a process as a gaffer.yaml describes it: values are written as they
// are, so that ${NAME} in them is a variable.
type Described struct {
	Name       string
	Comment    string // stands above it; "" for none
	Properties []manager.Property
}

// MarshalDescribed writes processes as a gaffer.yaml.
func MarshalDescribed(described []Described) ([]byte, error) {
	processes := &yaml.Node{Kind: yaml.MappingNode}
	for _, d := range described {
		process := &yaml.Node{Kind: yaml.MappingNode}
		for _, p := range d.Properties {
			value, err := yamlNode(p.Value, fieldsOf(p.Name))
			if err != nil {
				return nil, fmt.Errorf("process %s: %s: %w", d.Name, p.Name, err)
			}
			process.Content = append(process.Content, yamlText(p.Name), value)
		}
		name := yamlText(d.Name)
		name.HeadComment = d.Comment
		processes.Content = append(processes.Content, name, process)
	}
	return yaml.Dump(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{yamlText("processes"), processes}})
}

// MarshalJSON writes templates as a list of descriptions, each as the API and
// gafferctl load_process take it.
func MarshalJSON(templates []manager.Template) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("[")
	for i, t := range templates {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "\n  {\n    \"name\": %q", t.Name)
		for _, p := range given(t) {
			fmt.Fprintf(&out, ",\n    %q: ", p.Name)
			value := json.NewEncoder(&out)
			value.SetEscapeHTML(false) // people read it, and && is common in commands
			if err := value.Encode(p.Value); err != nil {
				return nil, fmt.Errorf("process %s: %s: %w", t.Name, p.Name, err)
			}
			out.Truncate(out.Len() - 1) // the end of a line
		}
		out.WriteString("\n  }")
	}
	out.WriteString("\n]\n")
	return out.Bytes(), nil
}

// given are the properties of a template that are not its name and differ from
// their defaults, in the order of the docs.
func given(t manager.Template) []manager.Property {
	standard := manager.NewTemplate("", "")
	defaults := standard.Properties()
	var out []manager.Property
	for i, p := range t.Properties() {
		if p.Name != "name" && !reflect.DeepEqual(p.Value, defaults[i].Value) {
			out = append(out, p)
		}
	}
	return out
}

// escaped is a property's value as it is written where ${NAME} is replaced.
func escaped(p manager.Property) any {
	if expandedLater(p.Name) {
		return p.Value
	}
	switch v := p.Value.(type) {
	case string:
		return escape(v)
	case []string:
		out := make([]string, len(v))
		for i, s := range v {
			out[i] = escape(s)
		}
		return out
	case map[string]string:
		out := make(map[string]string, len(v))
		for key, s := range v {
			out[key] = escape(s)
		}
		return out
	}
	return p.Value
}

// fieldsOf are the fields of a property that is an object, in their order.
func fieldsOf(property string) []string {
	kind, _ := manager.PropertyKind(property)
	return kind.FieldNames()
}

func yamlText(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// yamlNode is a value as YAML: lists in one line, and so are objects in the order
// of fields; other objects are in that of their keys.
func yamlNode(value any, fields []string) (*yaml.Node, error) {
	n := &yaml.Node{}
	object, ok := value.(map[string]any)
	if !ok {
		if err := n.Encode(value); err != nil {
			return nil, err
		}
		if n.Kind == yaml.SequenceNode {
			n.Style = yaml.FlowStyle
		}
		return n, nil
	}
	n.Kind, n.Style = yaml.MappingNode, yaml.FlowStyle
	if fields == nil {
		fields, n.Style = slices.Sorted(maps.Keys(object)), 0
	}
	for _, field := range fields {
		if object[field] == nil {
			continue
		}
		inner, err := yamlNode(object[field], nil)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, yamlText(field), inner)
	}
	return n, nil
}

// MarshalINI writes templates as a gaffer.ini. Properties that have their
// defaults are left out. The error names what INI cannot say: values of several
// lines, and commands with a bare ; or #.
func MarshalINI(templates []manager.Template) ([]byte, error) {
	var out bytes.Buffer
	for i, t := range templates {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "[process:%s]\n", t.Name)
		for _, p := range given(t) {
			if err := writeINI(&out, p); err != nil {
				return nil, fmt.Errorf("process %s: %w", t.Name, err)
			}
		}
	}
	return out.Bytes(), nil
}

func writeINI(out *bytes.Buffer, p manager.Property) error {
	write := func(key, value string) error {
		line, ok := iniLine(key, value)
		if !ok {
			return fmt.Errorf("%s: %s cannot be written as INI: choose YAML or JSON", key, quote(value))
		}
		out.WriteString(line + "\n")
		return nil
	}
	switch v := escaped(p).(type) {
	case map[string]string:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := write(p.Name+":"+key, v[key]); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if p.Name == "rlimits" {
			return write(p.Name, joinLimits(v))
		}
		return write(p.Name, joinFields(v, fieldsOf(p.Name)))
	case []string:
		if p.Name == "args" {
			return write(p.Name, joinWords(v))
		}
		return write(p.Name, strings.Join(v, ", "))
	default:
		return write(p.Name, fmt.Sprint(v))
	}
}

func joinFields(object map[string]any, fields []string) string {
	values := make([]string, len(fields))
	for i, field := range fields {
		values[i] = fmt.Sprint(object[field])
	}
	return strings.Join(values, ", ")
}

// joinLimits is what parseLimits reads.
func joinLimits(limits map[string]any) string {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		items = append(items, fmt.Sprintf("%s=%v", name, limits[name]))
	}
	return strings.Join(items, ", ")
}

// iniLine is a line that is read back as that key and value, in quotes where it
// needs them.
func iniLine(key, value string) (line string, ok bool) {
	how := propertyForm(key)
	if strings.Contains(key, ":") {
		how = text
	}
	candidates := []string{value}
	if how.quotes {
		candidates = append(candidates, `"`+value+`"`, "'"+value+"'")
	}
	for _, c := range candidates {
		line = strings.TrimRight(key+" = "+c, " ")
		blocks, mistakes := scan("[process:x]\n" + line + "\n")
		if len(mistakes) > 0 || len(blocks) != 1 || len(blocks[0].entries) != 1 {
			continue
		}
		if e := blocks[0].entries[0]; e.key != key || e.value() != c || how.quotes && unquote(c) != value {
			continue
		}
		return line, true
	}
	return "", false
}
