package procfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// awkward is an application with all that means something to systemd.
func awkward() *App {
	return &App{
		Procfile: "Procfile", Root: "/tmp/my app 100%i", port: 5000,
		Entries: []Entry{
			{"web", `echo "$PORT" '100%' \\n; ./web --size 5%i ${X}`},
			{"worker_2", "exec ./worker 'a b' && echo äöü\t!"},
		},
		Env: map[string]string{"A": "b c", "B": `"q" 'r' \ % $X`, "C": "two\nlines\tand a tab", "PORT": "5000"},
	}
}

func TestUnits(t *testing.T) {
	a := awkward()
	f, err := a.ParseFormation("web=2")
	if err != nil {
		t.Fatal(err)
	}
	units, err := a.Units("my+shop", f, "somebody")
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, u := range units {
		all += "# " + u.Name + "\n" + u.Text
	}
	for _, want := range []string{
		"# my_shop.target\n",
		"\nWants=my_shop-web@5000.service\nWants=my_shop-web@5001.service\nWants=my_shop-worker_2@5100.service\n",
		"# my_shop-web@.service\n", "# my_shop-worker_2@.service\n",
		"\nPartOf=my_shop.target\n", "\nUser=somebody\n", "\nWorkingDirectory=/tmp/my app 100%%i\n", "\nEnvironment=PORT=%i\n",
		`Environment="B=\"q\" 'r' \\ %% $X"`, `Environment="C=two\nlines\tand a tab"`,
		`ExecStart=/bin/sh -c "export PS=web.$$((PORT-4999)); echo \"$$PORT\" '100%%' \\\\n; ./web --size 5%%i $${X}"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if strings.Contains(all, "PORT=5000\n") {
		t.Error("every process has the port of the first")
	}

	a.Env["dotted.name"], a.Env["BELL"] = "x", "\a"
	want := "the variable BELL cannot be written to a unit: systemd takes UTF-8 without control characters\n" +
		"the variable dotted.name cannot be written to a unit: systemd takes names of letters, digits and _"
	if _, err := a.Units("shop", f, ""); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestUnitsOfOddNames holds that no name becomes a directive.
func TestUnitsOfOddNames(t *testing.T) {
	for _, c := range []struct{ root, user, want string }{
		{"/srv\nExecStartPre=!id", "web", `the folder "/srv\nExecStartPre=!id" cannot`},
		{"/srv", "web\nUser=root", `the user "web\nUser=root" cannot`},
		{`/srv\`, "web", `the folder "/srv\\" cannot`},
		{"/srv ", "web", `the folder "/srv " cannot`},
	} {
		a := awkward()
		a.Root = c.root
		if _, err := a.Units("shop", Formation{}, c.user); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("in %q as %q: %v, want %s", c.root, c.user, err, c.want)
		}
	}
}

// TestUnitsVerify asks systemd itself.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	units, err := awkward().Units("shop", Formation{}, "root")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, u := range units {
		path := filepath.Join(dir, u.Name)
		if err := os.WriteFile(path, []byte(u.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, strings.Replace(path, "@.", "@5000.", 1))
	}
	cmd := exec.Command(analyze, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	// What systemd knows is said of the units, so that one it passes over shows.
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "shop") {
		t.Errorf("%v\n%s", err, out)
	}
}
