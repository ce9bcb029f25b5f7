//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/procfile"
	"github.com/gafferd/gaffer/manager"
)

// TestExportIsRead writes an application in each format that gafferd reads, and
// reads it back.
func TestExportIsRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Procfile": `web: echo "$PORT" ${HOME} 'it''s' 100% $$ && exec ./web` + "\n" + `worker: A=b ./work --flag={x} \n äöü` + "\n",
		".env":     "A='b \"c\" ${D} $$'\nPORT=7000\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := procfile.Files{Root: dir}
	app, err := procfile.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	formation, err := app.ParseFormation("web=2")
	if err != nil {
		t.Fatal(err)
	}
	group, err := files.Group()
	if err != nil {
		t.Fatal(err)
	}
	want, err := app.Templates(formation, group+":")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"ini", "yaml"} {
		file := filepath.Join(dir, "gaffer."+format)
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"-d", dir, "-c", "web=2", "export", format, file}, &stdout, &stderr); code != exitOK {
			t.Errorf("%s: exit %d: %s", format, code, stderr.String())
			continue
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", format, info, err)
		}
		got, err := config.Load(file)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if diff := cmp.Diff(properties(want), properties(got.Templates)); diff != "" {
			t.Errorf("%s reads as another:\n%s", format, diff)
		}
	}
}

func properties(templates []manager.Template) [][]manager.Property {
	var all [][]manager.Property
	for _, t := range templates {
		all = append(all, t.Properties())
	}
	return all
}
