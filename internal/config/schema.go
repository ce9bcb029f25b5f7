package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// A schema is a JSON Schema, or a part of one.
type schema = map[string]any

// Schema is the JSON Schema of gaffer.yaml, from which editors know what may
// stand in it. It is made of the tables of keys, and takes whatever Load takes;
// what Load refuses for other reasons than names and types, it may take as well.
//
// It is of draft 7, which more editors know than any later one.
func Schema() []byte {
	sections := schema{}
	for _, k := range kinds {
		switch {
		case k.yaml == "":
		case k.named:
			sections[k.yaml] = schema{"type": []string{"object", "null"}, "additionalProperties": sectionSchema(k.name)}
		default:
			sections[k.yaml] = sectionSchema(k.name)
		}
	}
	sections["processes"].(schema)["propertyNames"] = schema{"maxLength": 128, "pattern": namePattern, "not": schema{"pattern": "^[0-9]+$"}}
	text, err := marshalSchema(schema{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                "gaffer.yaml",
		"description":          "The configuration of gafferd.",
		"type":                 "object",
		"properties":           sections,
		"additionalProperties": false,
	})
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	return text
}

// namePattern is what names of processes look like: see process.Spec.Validate.
const namePattern = `^[A-Za-z0-9_][A-Za-z0-9_.@+-]*(:[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*$`

// marshalSchema leaves < and > readable: they are in no web page.
func marshalSchema(s schema) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(s)
	return out.Bytes(), err
}

// sectionSchema is that of one section.
func sectionSchema(kind string) schema {
	keys := schema{}
	section := schema{"type": []string{"object", "null"}, "properties": keys, "additionalProperties": false}
	switch kind {
	case "process":
		section["type"], section["required"] = "object", []string{"cmd"}
		for _, name := range manager.PropertyNames() {
			if name != "name" {
				keys[name] = propertySchema(name)
			}
		}
		keys["cmd"] = withoutNull(keys["cmd"].(schema))
	case "webhooks":
		section["additionalProperties"] = receiver.schema()
	case "endpoint":
		section["type"], section["required"] = "object", []string{"bind"}
		fallthrough
	default:
		for _, k := range keysOf(kind) {
			keys[k.name] = k.how.schema()
			doc := k.doc
			if k.standard != "" {
				doc += " Default: " + k.standard + "."
			}
			keys[k.name].(schema)["description"] = doc
		}
	}
	return section
}

// propertySchema is that of a property of a process.
func propertySchema(name string) schema {
	kind, _ := manager.PropertyKind(name)
	s, known := kindSchema(kind)
	if known {
		for key, value := range narrower[name] {
			s[key] = value
		}
	}
	s["description"] = propertyDocs[name]
	standard := manager.NewTemplate("", "")
	for _, p := range standard.Properties() {
		if p.Name == name && p.Value != nil && p.Value != "" {
			s["default"] = p.Value
		}
	}
	return s
}

// narrower is what only some values of a kind may be.
var narrower = map[string]schema{
	"numprocesses": {"minimum": 0},
	"capabilities": {
		"type": []string{"array", "string", "null"}, "pattern": capabilityPattern,
		"items": schema{"type": "string", "pattern": capabilityPattern},
	},
	"restart": {"anyOf": []any{
		schema{"enum": []any{manager.RestartAlways, manager.RestartOnFailure, manager.RestartNever, nil}}, variableSchema,
	}},
}

// capabilityPattern is what names of capabilities look like, and variables.
var capabilityPattern = "^(" + anyCase("cap_") + ")?(" + anyCase(process.CapabilityNames()...) + `)$|\$\{`

// anyCase is a pattern of words in any case, which patterns of JSON Schema cannot
// ask for as such.
func anyCase(words ...string) string {
	var b strings.Builder
	for _, c := range strings.Join(words, "|") {
		if upper := unicode.ToUpper(c); upper != c {
			fmt.Fprintf(&b, "[%c%c]", c, upper)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// kindSchema is that of a kind of property. Of one that is not known, it takes
// anything: the tests see to it that there is none.
func kindSchema(kind manager.Kind) (s schema, known bool) {
	switch kind {
	case manager.KindString, manager.KindOwner:
		return textSchema(), true
	case manager.KindUmask:
		return schema{"type": []string{"string", "integer", "null"}, "pattern": `^(0o)?[0-7]+$|\$\{`}, true
	case manager.KindSignal:
		return schema{"type": []string{"string", "integer", "null"}}, true
	case manager.KindBool:
		return flagSchema(), true
	case manager.KindInt:
		return orVariable(schema{"type": []string{"integer", "null"}}), true
	case manager.KindSeconds:
		return orVariable(schema{"type": []string{"number", "null"}, "minimum": 0}), true
	case manager.KindArgs, manager.KindList:
		return listSchema(), true
	case manager.KindMap:
		return schema{
			"type":                 []string{"object", "null"},
			"propertyNames":        schema{"pattern": "^[^=]+$"},
			"additionalProperties": scalarSchema(),
		}, true
	case manager.KindBackoff:
		return orVariable(fieldsSchema(kind)), true
	case manager.KindFlapping:
		fields := fieldsSchema(kind)
		return schema{"anyOf": []any{schema{"enum": []any{false}}, fields, variableSchema}}, true
	case manager.KindRlimits:
		return orVariable(schema{
			"type":                 []string{"object", "null"},
			"propertyNames":        schema{"pattern": "^(" + anyCase("rlimit_") + ")?(" + anyCase(process.RlimitNames()...) + ")$"},
			"additionalProperties": schema{"type": []string{"integer", "string", "null"}},
		}), true
	}
	return schema{}, false
}

// fieldsSchema is that of an object of numbers.
func fieldsSchema(kind manager.Kind) schema {
	fields := schema{}
	for _, name := range kind.FieldNames() {
		fields[name] = numberSchema()
	}
	return schema{"type": []string{"object", "null"}, "properties": fields, "additionalProperties": false}
}

// The schemas of the forms that values have.

func textSchema() schema   { return orNull(scalarSchema()) }
func flagSchema() schema   { return orVariable(schema{"type": []string{"boolean", "null"}}) }
func numberSchema() schema { return orVariable(schema{"type": []string{"number", "null"}}) }
func unitSchema() schema   { return schema{"type": []string{"number", "string", "null"}} }

func receiverSchema() schema {
	one := schema{
		"type":                 []string{"string", "object"},
		"properties":           schema{"url": schema{"type": "string"}, "secret": scalarSchema()},
		"required":             []string{"url"},
		"additionalProperties": false,
	}
	return schema{"anyOf": []any{one, schema{"type": "array", "items": one, "minItems": 1}}}
}

// variableSchema is that of a text with ${NAME} in it, which may stand for what
// is no text.
var variableSchema = schema{"type": "string", "pattern": `\$\{`}

func orVariable(s schema) schema { return schema{"anyOf": []any{s, variableSchema}} }

// scalarSchema is that of text: numbers and true are good for it.
func scalarSchema() schema { return schema{"type": []string{"string", "number", "boolean"}} }

// listSchema is that of a list of texts. One is as good as a list of it.
func listSchema() schema {
	return schema{"type": []string{"array", "string", "number", "boolean", "null"}, "items": scalarSchema()}
}

// orNull takes null too: it is as good as leaving the key out.
func orNull(s schema) schema {
	s["type"] = append(s["type"].([]string), "null")
	return s
}

// withoutNull takes that back, for a key that there must be.
func withoutNull(s schema) schema {
	types := s["type"].([]string)
	s["type"] = types[:len(types)-1]
	return s
}
