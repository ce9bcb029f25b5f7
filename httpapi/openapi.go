package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/internal/plainjson"
	"github.com/gafferd/gaffer/manager"
)

// RouteDoc is what the OpenAPI document says about a route.
type RouteDoc struct {
	Summary  string
	Query    []Param // parameters of the query
	Body     string  // media type of the request's body; "" if it takes none
	Response string  // media type of the answer; "" is application/json

	// Scope is what a token needs for a handler that was added with Server.Handle.
	// 0: tokens.Admin.
	Scope tokens.Scope

	schema string // of a JSON body; "" is Process
}

// Param is a parameter of a query.
type Param struct {
	Name        string
	Type        string // string, integer, number or boolean
	Description string
}

// pattern is a variable in a path, with the pattern that it must match.
var pattern = regexp.MustCompile(`\{([a-z0-9_]+)(:[^{}]*)?\}`)

// documentPath is a route's path as OpenAPI writes it. A name and a pid stand in
// the same place, and OpenAPI cannot tell two such paths apart.
func documentPath(path string) string {
	path = pattern.ReplaceAllString(path, "{$1}")
	for _, id := range []string{"{name}", "{pid}"} {
		if rest, ok := strings.CutPrefix(path, "/processes/"+id); ok {
			return "/processes/{process}" + rest
		}
	}
	return path
}

var variables = map[string]string{
	"process": "the name of a process, or the pid of an instance: a number is always a pid",
	"name":    "the name of a process",
	"pid":     "the daemon's own id of an instance",
	"group":   "the part of a name before the first colon",
	"app":     "a group: the part of a name before the first colon, or a name without one",
	"stream":  "stdin, stdout, stderr or a label of the process's own",
	"signal":  "a signal's number, or its name in any case with or without SIG",
	"n":       "how many",
	"token":   "the name of a token",
	"id":      "what GET /webhooks says",
	"plugin":  "the name of a plugin's folder",
	"path":    "a file of the plugin, or nothing for its index.html",
}

// newDocument makes the OpenAPI document of a router's resources.
func newDocument(resources []*resource, version string) []byte {
	paths := map[string]map[string]any{}
	for _, res := range resources {
		path := documentPath(res.path)
		item := paths[path]
		if item == nil {
			item = map[string]any{}
			if params := pathParams(path); len(params) > 0 {
				item["parameters"] = params
			}
			paths[path] = item
		}
		for _, method := range slices.Sorted(maps.Keys(res.routes)) {
			key := strings.ToLower(method)
			if other, ok := item[key].(map[string]any); ok {
				other["summary"] = other["summary"].(string) + "; " + res.routes[method].doc.Summary
				continue
			}
			item[key] = operation(method, path, res.routes[method].doc)
		}
	}
	text, err := plainjson.Marshal(map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": "gaffer", "version": version, "description": "Control API of a process supervisor."},
		"paths":      paths,
		"components": map[string]any{"schemas": schemas()},
	})
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	var document bytes.Buffer
	_ = json.Indent(&document, append(text, '\n'), "", " ") // of what has just been made
	return document.Bytes()
}

func pathParams(path string) []any {
	var params []any
	for _, found := range pattern.FindAllStringSubmatch(path, -1) {
		params = append(params, map[string]any{
			"name": found[1], "in": "path", "required": true,
			"description": variables[found[1]],
			"schema":      map[string]any{"type": "string"},
		})
	}
	return params
}

func operation(method, path string, doc RouteDoc) map[string]any {
	op := map[string]any{
		"summary":     doc.Summary,
		"operationId": operationID(method, path),
		"responses": map[string]any{
			"200":     map[string]any{"description": "done", "content": content(doc.Response, nil)},
			"default": map[string]any{"description": "refused", "content": content("", ref("Problem"))},
		},
	}
	var query []any
	for _, p := range doc.Query {
		query = append(query, map[string]any{
			"name": p.Name, "in": "query", "description": p.Description,
			"schema": map[string]any{"type": p.Type},
		})
	}
	if query != nil {
		op["parameters"] = query
	}
	if doc.Body != "" {
		var schema map[string]any
		if doc.Body == "application/json" {
			schema = ref(cmp.Or(doc.schema, "Process"))
		}
		op["requestBody"] = map[string]any{"required": true, "content": content(doc.Body, schema)}
	}
	return op
}

func content(mediaType string, schema map[string]any) map[string]any {
	if mediaType == "" {
		mediaType = "application/json"
	}
	if schema == nil {
		schema = map[string]any{}
	}
	return map[string]any{mediaType: map[string]any{"schema": schema}}
}

func ref(schema string) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + schema}
}

// operationID is unique because method and path together are.
func operationID(method, path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}.", r) })
	return strings.ToLower(method) + "-" + strings.Join(words, "-")
}

// kinds are the JSON Schemas of the properties of a description.
var kinds = map[manager.Kind]map[string]any{
	manager.KindString:   {"type": "string"},
	manager.KindBool:     {"type": "boolean"},
	manager.KindInt:      {"type": "integer"},
	manager.KindSeconds:  {"type": "number", "minimum": 0},
	manager.KindArgs:     {"type": []string{"array", "string"}, "items": map[string]any{"type": "string"}},
	manager.KindList:     {"type": "array", "items": map[string]any{"type": "string"}},
	manager.KindMap:      {"type": "object", "additionalProperties": map[string]any{"type": "string"}},
	manager.KindOwner:    {"type": []string{"string", "integer"}},
	manager.KindUmask:    {"type": []string{"string", "integer"}},
	manager.KindSignal:   {"type": []string{"string", "integer"}},
	manager.KindBackoff:  {"type": "object"},
	manager.KindFlapping: {"type": []string{"object", "boolean"}},
	manager.KindRlimits:  {"type": "object", "additionalProperties": map[string]any{"type": []string{"integer", "string"}}},
}

func schemas() map[string]any {
	properties := map[string]any{}
	for _, name := range manager.PropertyNames() {
		kind, _ := manager.PropertyKind(name)
		properties[name] = kinds[kind]
	}
	text := map[string]any{"type": "string"}
	return map[string]any{
		"Problem": map[string]any{
			"type":       "object",
			"required":   []string{"error", "reason"},
			"properties": map[string]any{"error": text, "reason": text, "problems": map[string]any{"type": "array", "items": text}},
		},
		"Process": map[string]any{
			"type":                 "object",
			"required":             []string{"cmd"},
			"properties":           properties,
			"additionalProperties": false,
		},
		"Token": map[string]any{
			"type":     "object",
			"required": []string{"name", "scope"},
			"properties": map[string]any{
				"name":    text,
				"scope":   map[string]any{"type": []string{"array", "string"}, "items": map[string]any{"type": "string", "enum": []string{"read", "write", "control", "admin"}}},
				"only":    map[string]any{"type": []string{"array", "string"}, "items": text},
				"expires": map[string]any{"type": []string{"number", "string"}},
				"subject": text,
			},
			"additionalProperties": false,
		},
		"Webhook": map[string]any{
			"type":                 "object",
			"required":             []string{"event", "url"},
			"properties":           map[string]any{"event": text, "url": text, "secret": text},
			"additionalProperties": false,
		},
	}
}

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) error {
	return writeBody(w, http.StatusOK, "application/json", s.router.Load().document())
}
