package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

const schemaFile = "../../docs/gaffer.schema.json"

// TestSchemaFile holds that the file is what the tables of keys make of it.
func TestSchemaFile(t *testing.T) {
	want := config.Schema()
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the schema is another (go test ./internal/config -run SchemaFile -update writes it; -want +got):\n%s", diff)
	}
}

// TestSchemaTellsOfEveryKey has each key described to whoever writes a file.
func TestSchemaTellsOfEveryKey(t *testing.T) {
	var root jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	for kind, names := range map[string][]string{
		"gaffer": config.KeyNames("gaffer"), "endpoints": config.KeyNames("endpoint"), "processes": manager.PropertyNames(),
	} {
		section := root.Properties[kind]
		if kind != "gaffer" {
			section = section.AdditionalProperties
		}
		for _, name := range names {
			s, ok := section.Properties[name]
			switch {
			case name == "name":
			case !ok:
				t.Errorf("%s.%s is not in the schema", kind, name)
			case s.Description == "" || !strings.HasSuffix(s.Description, "."):
				t.Errorf("%s.%s: the schema says %q, want a sentence: see keys.go and properties.go", kind, name, s.Description)
			case s.Type == "" && s.Types == nil && s.AnyOf == nil:
				t.Errorf("%s.%s: the schema takes anything: see kindSchema", kind, name)
			}
		}
		if len(section.Properties) > len(names) {
			t.Errorf("%s: the schema has keys that no table has", kind)
		}
	}
}

// validator says what a real validator thinks of a text.
func validator(t *testing.T) func(yaml string) error {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			return fmt.Errorf("is not YAML: %w", err)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("is no JSON: %w", err)
		}
		if err := json.Unmarshal(asJSON, &v); err != nil {
			return err
		}
		return resolved.Validate(v)
	}
}

// TestSchemaTakesWhatLoads validates the files that load elsewhere.
func TestSchemaTakesWhatLoads(t *testing.T) {
	validate := validator(t)
	files := []string{"testdata/every.yaml", "../../examples/gaffer.yaml"}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	blocks := 0
	for _, file := range append(append(files, pages...), "../../README.md") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{string(content)}
		if filepath.Ext(file) == ".md" {
			texts = nil
			for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(content), -1) {
				texts = append(texts, m[1])
				blocks++
			}
		}
		for _, text := range texts {
			if err := validate(text); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, text)
			}
		}
	}
	if blocks == 0 {
		t.Error("no page shows YAML")
	}
}

// TestSchemaTakesAsManyAsAreAllowed has max_numprocesses say how many there may be.
func TestSchemaTakesAsManyAsAreAllowed(t *testing.T) {
	const text = "gaffer:\n  max_numprocesses: 20000\nprocesses:\n  web:\n    cmd: ./web\n    numprocesses: 20000\n"
	if err := validator(t)(text); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gaffer.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load("gaffer.yaml"); err != nil {
		t.Error(err)
	}
}

// TestSchemaRefusesWrongFiles validates the corpus of wrong files. A few are wrong
// in what no schema can say.
func TestSchemaRefusesWrongFiles(t *testing.T) {
	validate := validator(t)
	beyond := map[string]string{
		"yaml_anchor":        "an editor reads through anchors",
		"yaml_anchor_value":  "an editor reads through anchors",
		"yaml_merge":         "an editor reads through merges",
		"yaml_include":       "files that are not there",
		"yaml_tag":           "tags say of a value what it is",
		"yaml_two_documents": "each document is validated for itself",
		"yaml_variables":     "variables that are not set",
		"yaml_sizes":         "sizes and times out of range",
		"yaml_streams":       "labels that do not go together",
		"yaml_trust":         "settings that do not go together",
	}
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(archive), ".txtar")
		if filepath.Ext(a.Files[0].Name) != ".yaml" {
			continue
		}
		_, isBeyond := beyond[name]
		if err := validate(string(a.Files[0].Data)); (err == nil) != isBeyond {
			t.Errorf("%s: %v, want it beyond the schema to be %v", name, err, isBeyond)
		}
	}
}

// TestSchemaAndLoadAgree gives each key that there is values of each type. What
// loads has to validate; what is of no type that the key takes must do neither.
func TestSchemaAndLoadAgree(t *testing.T) {
	t.Setenv("N", "1")
	validate := validator(t)
	t.Chdir(t.TempDir())
	values := map[string]string{
		"true": "bool", "3": "number", "0.5": "number", "word": "text", "[a]": "list", "[1, 2]": "list", "[]": "list",
		"{a: b}": "object", "{}": "object", "null": "null", "${N}": "variable", `"${N}"`: "variable", "[[a]]": "never", "{a: {b: c}}": "never", "{a: [b]}": "never",
	}
	sections := map[string]struct {
		keys []string
		file string // with a place for the key
	}{
		"gaffer":   {config.KeyNames("gaffer"), "gaffer:\n  %s: %s\n"},
		"endpoint": {config.KeyNames("endpoint"), "gaffer: {http_endpoints: [a]}\nendpoints:\n  a:\n    %s: %s\n"},
		"process":  {manager.PropertyNames(), "processes:\n  a:\n    %s: %s\n"},
		"webhooks": {[]string{"exit"}, "webhooks:\n  %s: %s\n"},
	}
	for kind, section := range sections {
		for _, key := range section.keys {
			loads, validates := map[string]bool{}, map[string]bool{}
			for value, is := range values {
				text := fmt.Sprintf(section.file, key, value)
				if kind == "process" && key != "cmd" {
					text += "    cmd: ./web\n"
				}
				if kind == "endpoint" && key != "bind" {
					text += "    bind: [127.0.0.1:5000, unix:a]\n"
				}
				if err := os.WriteFile("gaffer.yaml", []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				_, loadErr := config.Load("gaffer.yaml")
				schemaErr := validate(text)
				loads[is] = loads[is] || loadErr == nil
				validates[is] = validates[is] || schemaErr == nil
				if loadErr == nil && schemaErr != nil {
					t.Errorf("%s %s: %s loads and does not validate: %v", kind, key, value, schemaErr)
				}
				if schemaErr == nil && loadErr != nil && typeMistake.MatchString(loadErr.Error()) {
					t.Errorf("%s %s: %s validates, and Load says: %v", kind, key, value, loadErr)
				}
			}
			if loads["never"] || validates["never"] {
				t.Errorf("%s %s takes lists of lists or objects of such", kind, key)
			}
			if key != "name" && !slices.Contains(slices.Collect(maps.Values(validates)), true) {
				t.Errorf("%s %s: nothing validates", kind, key)
			}
		}
	}
}

// typeMistake is what Load says of a value that is of another type than its key
// wants.
var typeMistake = regexp.MustCompile(`got (a list|an object|nothing|true|false)|\((a boolean|a number)\), want (a|an|true) |\(a string\), want (a whole|a number|a list|an object|true)|is not a known`)
