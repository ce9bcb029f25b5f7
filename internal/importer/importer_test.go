package importer

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/config"
)

var update = flag.Bool("update", false, "write what comes as what is wanted: look at the difference")

// formatOf is the format of an archive: its name up to the first _.
func formatOf(archive string) string {
	name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(archive), ".txtar"), "_")
	if name == "compose" {
		return "process-compose"
	}
	return name
}

func archives(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for i, name := range names {
		if names[i], err = filepath.Abs(name); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// unpack writes the files of an archive to a folder, which it makes the working
// directory.
func unpack(t *testing.T, a *txtar.Archive) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range a.Files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImport imports the first file of each archive, which must come to what its
// files "want" or "errors", and "warnings", have. What comes of it loads, and is
// good in the eyes of an editor.
func TestImport(t *testing.T) {
	variables := []string{"HOME", "PATH", "USER", "COUNT", "WAIT_SEC"}
	for _, name := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			unpack(t, a)
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			result, err := Import(formatOf(name), a.Files[0].Name)
			if err != nil {
				got["errors"] = err.Error() + "\n"
			}
			for _, w := range result.Warnings {
				got["warnings"] += w.Error() + "\n"
			}
			if err == nil {
				got["want"] = strings.ReplaceAll(string(result.YAML), here, "/here")
			}
			for i, f := range a.Files {
				text, ok := got[f.Name]
				if !ok && f.Name != "errors" && f.Name != "want" && f.Name != "warnings" {
					continue
				}
				if *update {
					a.Files[i].Data = []byte(text)
				} else if diff := cmp.Diff(string(f.Data), text); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
				delete(got, f.Name)
			}
			for what, text := range got {
				if text != "" {
					t.Errorf("there are %s:\n%s", what, text)
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil {
				return
			}
			for _, v := range variables {
				t.Setenv(v, "1")
			}
			loads(t, result.YAML)
		})
	}
}

// loads holds that gafferd takes a text.
func loads(t *testing.T, text []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gaffer.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil || len(c.Warnings) > 0 || len(c.Templates) == 0 {
		t.Errorf("does not load: %v, %+v\n%s", err, c, text)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestEveryKeyIsTested looks in the archives for each key that the tables have,
// and in what they come to for something that became of it.
func TestEveryKeyIsTested(t *testing.T) {
	text := map[string]string{}
	for _, name := range archives(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text[formatOf(name)] += string(content)
	}
	names := func(tables ...map[string]remedy) (all []string) {
		for _, table := range tables {
			for name := range table {
				all = append(all, name)
			}
		}
		return all
	}
	for format, keys := range map[string][]string{
		"supervisord":     slices.Concat(programRead, names(programKeys, daemonKeys, serverKeys)),
		"pm2":             slices.Concat(pm2Read, names(pm2Keys)),
		"process-compose": slices.Concat(composeRead, composeProcessRead, names(composeKeys, composeProcessKeys)),
	} {
		for _, key := range keys {
			all := []string{regexp.QuoteMeta(key)}
			for alias, of := range pm2Aliases {
				if of == key && format == "pm2" {
					all = append(all, alias)
				}
			}
			if !regexp.MustCompile(`(?m)(^|["\s{'])(` + strings.Join(all, "|") + `)["']?\s*[=:]`).MatchString(text[format]) {
				t.Errorf("%s: no archive has the key %s", format, key)
			}
		}
	}
}

// TestInstancesOfThisMachine are as many as it has processors.
func TestInstancesOfThisMachine(t *testing.T) {
	unpack(t, txtar.Parse([]byte("-- p.json --\n{\"script\": \"a.js\", \"instances\": \"max\"}\n-- q.json --\n{\"script\": \"a.js\", \"instances\": -1000}\n")))
	for file, want := range map[string]int{"p.json": runtime.NumCPU(), "q.json": 1} {
		result, err := Import("pm2", file)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Warnings) == 0 || !strings.Contains(result.Warnings[0].Error(), "of this machine") {
			t.Errorf("%s: warnings %v", file, result.Warnings)
		}
		if got := strings.Contains(string(result.YAML), "numprocesses:"); got != (want > 1) {
			t.Errorf("%s: want %d instances\n%s", file, want, result.YAML)
		}
	}
}

func TestImportOfNoFile(t *testing.T) {
	for _, format := range Formats() {
		if _, err := Import(format, filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", format, err)
		}
		if _, err := Import(format, "/dev/zero"); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("%s: %v", format, err)
		}
		empty := filepath.Join(t.TempDir(), "empty")
		if err := os.WriteFile(empty, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(format, empty); err == nil {
			t.Errorf("%s: nothing is imported", format)
		}
	}
}

// No text, however odd, does more than fail, and what comes of it loads.
func FuzzImport(f *testing.F) {
	for _, name := range archives(f) {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(slices.Index(Formats(), formatOf(name))), string(a.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, format byte, text string) {
		if strings.Contains(text, "include") {
			return // other files
		}
		r := &reading{file: "file.json"}
		formats[int(format)%len(formats)].read(r, text)
		result, err := r.result()
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
		for _, p := range slices.Concat(r.warnings, r.mistakes) {
			if p.Line < 0 || p.Line > lines || p.Text == "" {
				t.Errorf("%d lines: %+v", lines, p)
			}
		}
		if err != nil {
			return
		}
		set := func(string) (string, bool) { return "1", true }
		if problems := config.Check(string(result.YAML), "gaffer.yaml", set); len(problems) > 0 {
			t.Errorf("does not load: %v\n%s", problems, result.YAML)
		}
	})
}
