package config

import (
	"os"
	"path/filepath"
	"testing"
)

// No file, however odd, does more than fail with a line that exists.
func FuzzYAML(f *testing.F) { fuzz(f, ".yaml", readYAML) }

// The same for INI.
func FuzzINI(f *testing.F) { fuzz(f, ".ini", readINI) }

func fuzz(f *testing.F, ext string, read func(string, string, lookup, *problems) []section) {
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(archives, "testdata/every"+ext) {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	env := func(name string) (string, bool) { return "x${" + name, name != "NONE" }
	f.Fuzz(func(t *testing.T, text string) {
		var ps problems
		sections := read(text, "gaffer"+ext, env, &ps)
		build(document{sections}, &ps)
		lines := 1
		for _, c := range text {
			if c == '\n' || c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029' {
				lines++
			}
		}
		for _, p := range append(ps.errors, ps.warnings...) {
			if p.Line < 0 || p.Line > lines || p.Text == "" {
				t.Errorf("%d lines: %+v", lines, p)
			}
		}
	})
}
