package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	shellquote "github.com/kballard/go-shellquote"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

// odd are templates whose values need care when they are written.
func odd(t *testing.T) []manager.Template {
	t.Helper()
	var all []manager.Template
	for _, d := range []map[string]any{
		{"name": "plain", "cmd": "./web"},
		{"name": "shop:web", "cmd": `sh -c "a ; b # c"`, "env": map[string]any{
			"A": "", "B": " two ", "C": "yes", "D": "80", "E": "; no # comment", "F": `"quoted"`, "G": "${HOME} $${X} $5", "h": `back\slash`, "I": "it's",
		}},
		{"name": "args", "cmd": "./web", "args": []any{"a b", "", "$PORT", "${X}", `"`, ";", "#", "it's"}},
		{"name": "line", "cmd": "./web", "args": "-p $PORT 'two words'"},
		{"name": "none", "cmd": "./web", "args": []any{}, "redirect_output": []any{}, "custom_streams": []any{"a", "b"}},
		{"name": "all", "cmd": "x", "uid": 1000, "gid": "users", "umask": "007", "priority": 0, "numprocesses": 0, "start": false, "os_env": false,
			"flapping": map[string]any{"attempts": 3}, "backoff": map[string]any{"initial": 0.25}, "stop_signal": "INT", "graceful_timeout": 0.5,
			"restart": "never", "redirect_input": true, "backpressure": true, "shell": true},
		{"name": "bound", "cmd": "x", "rlimits": map[string]any{"nofile": 100, "nproc": "1:2", "core": "unlimited"}, "nice": -3, "oom_score_adj": 0,
			"no_new_privs": false, "capabilities": []any{"net_raw", "chown"}},
		{"name": "procfile", "cmd": "export PORT=$((4999+GAFFER_INDEX)) PS=web.$GAFFER_INDEX; helper & exec server -p $PORT", "shell": true},
		{"name": "bare", "cmd": "x", "rlimits": map[string]any{}, "capabilities": []any{}, "no_new_privs": true},
	} {
		d["cwd"] = "/srv"
		p, err := manager.ParseTemplate(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// described is all that tells templates apart.
func described(t *testing.T, templates []manager.Template) string {
	t.Helper()
	var all []map[string]any
	for _, p := range templates {
		d := map[string]any{}
		for _, property := range p.Properties() {
			d[property.Name] = property.Value
		}
		all = append(all, d)
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is written is read back as the same.
func TestMarshalledFilesAreReadBack(t *testing.T) {
	templates := odd(t)
	for name, marshal := range map[string]func([]manager.Template) ([]byte, error){
		"gaffer.ini": config.MarshalINI, "gaffer.yaml": config.MarshalYAML,
	} {
		text, err := marshal(templates)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if name == "gaffer.ini" { // it has arguments in one line
			words, err := shellquote.Split(c.Templates[2].ArgsLine)
			if err != nil {
				t.Error(err)
			}
			c.Templates[2].Args, c.Templates[2].ArgsLine = words, ""
		}
		want, got := described(t, templates), described(t, c.Templates)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", name, diff, text)
		}
	}
}

func TestMarshalJSON(t *testing.T) {
	templates := odd(t)
	text, err := config.MarshalJSON(templates)
	if err != nil {
		t.Fatal(err)
	}
	var descriptions []map[string]any
	if err := json.Unmarshal(text, &descriptions); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var got []manager.Template
	for _, d := range descriptions {
		p, err := manager.ParseTemplate(d)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if diff := cmp.Diff(described(t, templates), described(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text, err := config.MarshalJSON(nil); err != nil || string(text) != "[\n]\n" {
		t.Errorf("nothing is %q, %v", text, err)
	}
}

func TestMarshalINIRefusesWhatItCannotSay(t *testing.T) {
	for _, cmd := range []string{"a ; b", "two\nlines"} {
		p := manager.NewTemplate("web", cmd)
		if text, err := config.MarshalINI([]manager.Template{p}); err == nil || !strings.Contains(err.Error(), "process web: cmd:") {
			t.Errorf("%q: %v\n%s", cmd, err, text)
		}
	}
}
