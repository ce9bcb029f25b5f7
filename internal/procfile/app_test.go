package procfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// folder is a folder with files in it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpen(t *testing.T) {
	t.Setenv("PORT", "7000")
	dir := folder(t, map[string]string{
		"Procfile": "web: ./web\nworker: ./work",
		".env":     "A=1\nB=1",
		"more.env": "B=2\nPORT=6000",
	})
	a, err := Open(Files{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	if a.Root != dir || a.Env["A"] != "1" || a.Port(0) != 7000 || a.Port(1) != 7100 {
		t.Errorf("opened %+v", a)
	}
	a, err = Open(Files{Procfile: filepath.Join(dir, "Procfile"), Root: "/", Env: []string{filepath.Join(dir, "more.env")}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Root != "/" || a.Env["A"] != "1" || a.Env["B"] != "2" || a.Port(0) != 6000 {
		t.Errorf("opened %+v", a)
	}
	templates, err := a.Templates(Formation{}, "shop:")
	if err != nil {
		t.Fatal(err)
	}
	want := "export PORT=$((6099+GAFFER_INDEX)) PS=worker.$GAFFER_INDEX; ./work"
	if got := templates[1]; got.Name != "shop:worker" || got.Cmd != want || !got.Shell || got.NumProcesses != 1 {
		t.Errorf("the second process is %+v", got)
	}
}

// TestCommandWithABackgroundOne holds that all of a command has its variables.
func TestCommandWithABackgroundOne(t *testing.T) {
	a := &App{Entries: []Entry{{"web", "echo helper $PS & wait; echo server $PS $PORT"}}, port: 5000}
	cmd := exec.Command("sh", "-c", a.Description(0, "web", 1)["cmd"].(string))
	cmd.Env = append(os.Environ(), "GAFFER_INDEX=2")
	out, err := cmd.Output()
	if want := "helper web.2\nserver web.2 5001\n"; err != nil || string(out) != want {
		t.Errorf("%s prints %q, %v, want %q", cmd.Args[2], out, err, want)
	}
}

func TestOpenMistakes(t *testing.T) {
	dir := folder(t, map[string]string{"Procfile": "web\n", ".env": "oops", "port": "PORT=http", "good": "web: x"})
	for _, c := range []struct {
		files Files
		want  []string
	}{
		{Files{Root: dir + "/none"}, []string{"there is no Procfile at " + dir + "/none/Procfile: write one", "or name another with -f"}},
		{Files{Root: dir, Env: []string{dir + "/none.env"}}, []string{"Procfile:1: want", ".env:1: want", "none.env: no such file"}},
		{Files{Procfile: dir}, []string{"is a directory"}},
	} {
		_, err := Open(c.files)
		if err == nil {
			t.Errorf("%v: no error", c.files)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %s", c.files, err, want)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, ".env")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Files{Procfile: filepath.Join(dir, "good"), Env: []string{filepath.Join(dir, "port")}})
	if err == nil || err.Error() != `PORT is "http", want the port of the first process, 1 to 65535` {
		t.Errorf("a PORT that is none: %v", err)
	}
}

func TestGroup(t *testing.T) {
	for root, want := range map[string]string{
		"/srv/shop": "shop", "/srv/my shop!": "my-shop-", "/srv/.hidden": "hidden", "/": "app", "/srv/7": "7",
		"/srv/" + strings.Repeat("x", 100): strings.Repeat("x", 60),
	} {
		if got, err := (Files{Root: root}).Group(); got != want || err != nil {
			t.Errorf("the group of %s is %q, %v, want %q", root, got, err, want)
		}
	}
}

func TestFormation(t *testing.T) {
	a := &App{Procfile: "P", Entries: []Entry{{"web", "x"}, {"worker", "x"}}}
	for s, want := range map[string][2]int{
		"": {1, 1}, "web=2": {2, 1}, "web=0, worker=3": {0, 3}, "all=0,web=1": {1, 0}, "all=2": {2, 2},
	} {
		f, err := a.ParseFormation(s)
		if got := [2]int{f.Of("web"), f.Of("worker")}; got != want || err != nil {
			t.Errorf("%q is %v, %v, want %v", s, got, err, want)
		}
	}
	f, err := a.ParseFormation("web=3")
	if err != nil {
		t.Fatal(err)
	}
	if only := f.Only([]string{"web"}); only.Of("web") != 3 || only.Of("worker") != 0 {
		t.Errorf("only web is %v", only)
	}
	for s, want := range map[string]string{
		"web":             `want NAME=NUMBER, such as web=2, got "web"`,
		"web=-1":          `"-1" is no number of instances, want 0 to 10000`,
		"wob=1,worker=xx": "P has no process \"wob\": did you mean web?\n\"xx\" is no number of instances, want 0 to 10000",
	} {
		if _, err := a.ParseFormation(s); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}

// Each instance has a PORT of its own, and one that there is.
func TestCheckPorts(t *testing.T) {
	a := &App{Entries: []Entry{{"web", "x"}, {"worker", "x"}, {"clock", "x"}}, port: 65000}
	for s, want := range map[string]string{
		"":                      "",
		"web=100,worker=100":    "",
		"web=101,worker=0":      "",
		"web=200,worker=0":      "",
		"web=300,all=0":         "",
		"clock=336":             "",
		"web=101":               "101 instances of web would have the ports 65000 to 65100, and worker begins at 65100: have at most 100, or put web at the end of the Procfile",
		"web=201,worker=0":      "201 instances of web would have the ports 65000 to 65200, and clock begins at 65200: have at most 200, or put web at the end of the Procfile",
		"web=10000":             "10000 instances of web would have the ports 65000 to 74999, and worker begins at 65100: have at most 100, or put web at the end of the Procfile",
		"clock=337":             "the last PORT of clock would be 65536, over 65535: begin lower with PORT in .env, or have fewer instances",
		"web=536,all=0":         "",
		"web=537,all=0":         "the last PORT of web would be 65536, over 65535: begin lower with PORT in .env, or have fewer instances",
		"web=0,worker=0":        "",
		"web=1,worker=101":      "101 instances of worker would have the ports 65100 to 65200, and clock begins at 65200: have at most 100, or put worker at the end of the Procfile",
		"worker=101,clock=0":    "",
		"all=0":                 "",
		"web=100,clock=0,all=2": "",
	} {
		f, err := a.ParseFormation(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.CheckPorts(f.Of); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	if port, ok := FirstPort(a.Description(1, "w", 1)["cmd"].(string)); port != 65100 || !ok {
		t.Errorf("the first port of worker is %d, %v", port, ok)
	}
	if port, ok := FirstPort("./web"); ok {
		t.Errorf("the first port of a command without one is %d", port)
	}
}

func TestParseChange(t *testing.T) {
	for s, want := range map[string]Change{
		"web=3": {"web", '=', 3}, "web+2": {"web", '+', 2}, "my-web-1": {"my-web", '-', 1},
	} {
		if got, err := ParseChange(s); got != want || err != nil {
			t.Errorf("%q is %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"web", "web=", "web=x", "=1", "web=99999999999999999999"} {
		if got, err := ParseChange(s); err == nil {
			t.Errorf("%q is %v, want an error", s, got)
		}
	}
}
