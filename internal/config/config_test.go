package config_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// unpack writes the files of an archive to a folder, and makes that the
// working directory, so that messages name files as a user would.
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

// load reads text as gaffer.ini in a folder of its own.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	unpack(t, txtar.Parse([]byte("-- gaffer.ini --\n"+text)))
	c, err := config.Load("gaffer.ini")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var update = flag.Bool("update", false, "write what comes as what is wanted: look at the difference")

// TestWrongFiles loads the first file of each archive of testdata/wrong, which
// must fail with exactly the lines that its last file, "want", has.
func TestWrongFiles(t *testing.T) {
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			unpack(t, a)
			want, err := os.ReadFile("want")
			if err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(a.Files[0].Name)
			if err == nil {
				t.Fatalf("loaded as %+v, want an error", c)
			}
			if *update {
				a.Files[len(a.Files)-1].Data = []byte(err.Error() + "\n")
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWrongFilesAreToldApart holds that of the corpus of wrong files at least 50
// have a message that no other has, wherever it is said, and that each message
// names its file.
func TestWrongFilesAreToldApart(t *testing.T) {
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	message := regexp.MustCompile(`^[\w./]+(:\d+)?: (\[[^\]]*\] ?)?(.+)$`)
	said := map[string]map[string]bool{} // message → archives
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(a.Files[len(a.Files)-1].Data)) {
			m := message.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				t.Errorf("%s: %q has no file before it", name, line)
				continue
			}
			if said[m[3]] == nil {
				said[m[3]] = map[string]bool{}
			}
			said[m[3]][name] = true
		}
	}
	alone := map[string]bool{}
	for _, in := range said {
		for name := range in {
			alone[name] = alone[name] || len(in) == 1
		}
	}
	own := 0
	for _, name := range archives {
		if alone[name] {
			own++
		}
	}
	if own < 50 {
		t.Errorf("%d of %d wrong files have a message of their own, want 50", own, len(archives))
	}
}

// TestExample loads the example of the repository from elsewhere.
func TestExample(t *testing.T) {
	folder, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c, err := config.Load(filepath.Join(folder, "gaffer.ini"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := config.Load(filepath.Join(folder, "gaffer.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c.Places, same.Places = nil, nil
	if diff := cmp.Diff(c, same); diff != "" {
		t.Errorf("gaffer.ini and gaffer.yaml differ (-ini +yaml):\n%s", diff)
	}
	want := []config.Endpoint{{Name: "public", Bind: []config.Address{{Network: "tcp", Address: "127.0.0.1:5000"}}}}
	if diff := cmp.Diff(want, c.Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	var names []string
	for _, p := range c.Templates {
		names = append(names, p.Name)
		if p.Cwd != folder {
			t.Errorf("%s runs in %s, want the file's folder %s", p.Name, p.Cwd, folder)
		}
	}
	if diff := cmp.Diff([]string{"dummy", "echo", "priority0"}, names); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	dummy := c.Templates[0]
	if diff := cmp.Diff(map[string]string{"PORT": "80"}, dummy.Env); diff != "" {
		t.Errorf("environment of dummy (-want +got):\n%s", diff)
	}
	if p := c.Templates[2].Priority; p == nil || *p != 0 {
		t.Errorf("priority0 has priority %v, want 0", p)
	}
}

// TestEveryKey gives each key that there is a value of its own, in a file of each
// spelling, and looks for it.
func TestEveryKey(t *testing.T) {
	t.Setenv("GAFFER_TEST_STATE", "/srv")
	t.Setenv("GAFFER_TEST_COUNT", "3")
	for _, name := range []string{"every.ini", "every.yaml"} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range slices.Concat(config.KeyNames("gaffer"), config.KeyNames("endpoint"), manager.PropertyNames()) {
				if !regexp.MustCompile(`(?mi)^\s*`+key+`\s*[=:]`).Match(content) && key != "name" {
					t.Errorf("%s is not in the file: add it", key)
				}
			}
			unpack(t, &txtar.Archive{Files: []txtar.File{{Name: name, Data: content}}})
			c, err := config.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			c.Places = nil
			if diff := cmp.Diff(everything(t), c); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
	everythingDiffers(t)
}

// everythingDiffers holds that the files of TestEveryKey give each property and
// each setting a value that it would not have anyway.
func everythingDiffers(t *testing.T) {
	t.Helper()
	all := everything(t)
	standard := manager.NewTemplate("", "")
	differs := map[string]bool{}
	for _, template := range all.Templates {
		for i, p := range template.Properties() {
			differs[p.Name] = differs[p.Name] || !reflect.DeepEqual(p.Value, standard.Properties()[i].Value)
		}
	}
	for _, name := range manager.PropertyNames() {
		if !differs[name] {
			t.Errorf("property %s has its default: give it another value in testdata/every.*", name)
		}
	}
	all.Settings.TrustLoopback = true // TestTrustLoopback
	for i, s := 0, reflect.ValueOf(all.Settings); i < s.NumField(); i++ {
		name := s.Type().Field(i).Name
		if served := strings.Contains(strings.Join(config.KeyNames("gaffer"), " "), snake(name)); served && s.Field(i).IsZero() {
			t.Errorf("setting %s has no value: give it one in testdata/every.*", name)
		}
	}
}

// snake is a field's name as a key has it.
func snake(field string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(field, "${1}_$2"))
}

// everything is what testdata/every.* say.
func everything(t *testing.T) *config.Config {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	priority := -1
	web := manager.NewTemplate("shop:web", `./web --name "a ; b"`)
	web.ArgsLine = "-p $PORT --verbose"
	web.Env = map[string]string{"PORT": "80", "Motto": "#1; really", "LANG": "C", "Price": "$5 ${A} /srv x y"}
	web.OSEnv = false
	web.UID, web.GID = "1000", "nogroup"
	web.Cwd = filepath.Join(dir, "www")
	web.Umask = 0o022
	web.Rlimits = map[string]process.Rlimit{"nofile": {Soft: 1024, Hard: 1024}, "core": {Soft: process.Unlimited, Hard: process.Unlimited}, "nproc": {Soft: 100, Hard: 200}}
	nice, score, noNewPrivs := 5, -100, false
	web.Nice, web.OOMScoreAdj, web.NoNewPrivs = &nice, &score, &noNewPrivs
	web.Capabilities = []string{"net_bind_service", "sys_nice"}
	web.Shell = true
	web.NumProcesses = 3
	web.Start = false
	web.Priority = &priority
	web.GracefulTimeout = 2500 * time.Millisecond
	web.StopSignal = 2
	web.Restart = manager.RestartOnFailure
	web.Backoff = manager.Backoff{Initial: 100 * time.Millisecond, Max: 30 * time.Second, Reset: 10 * time.Second}
	web.Flapping = &manager.Flapping{Attempts: 2, Window: time.Second, RetryIn: 7 * time.Second, MaxRetry: 5}
	web.RedirectOutput = []string{"stdout", "stderr"}
	web.RedirectInput = true
	web.CustomStreams = []string{"control"}
	web.Backpressure = true
	web.Essential = true

	silent := manager.NewTemplate("silent", "true")
	silent.Cwd = dir
	silent.RedirectOutput = []string{}
	silent.Flapping = &manager.Flapping{Attempts: 3, Window: time.Second, RetryIn: 2 * time.Second, MaxRetry: 1}
	silent.Backoff.Initial = 0

	alone := manager.NewTemplate("alone", "./daemonize")
	alone.Cwd = dir
	alone.Detach = true

	return &config.Config{
		Endpoints: []config.Endpoint{
			{Name: "private", Mode: 0o660, Bind: []config.Address{{Network: "unix", Address: filepath.Join(dir, "run/gaffer.sock")}}},
			{
				Name:     "public",
				Bind:     []config.Address{{Network: "tcp", Address: "127.0.0.1:5000"}, {Network: "tcp", Address: "[::1]:5000"}},
				Backlog:  16,
				CertFile: filepath.Join(dir, "tls/cert.pem"), KeyFile: "/etc/key.pem", CACert: filepath.Join(dir, "ca.pem"),
			},
		},
		Templates: []manager.Template{web, silent, alone},
		Webhooks: []config.Webhook{
			{Pattern: "create", URL: "http://127.0.0.1:8000/events"},
			{Pattern: "create", URL: "https://example.org/hook"},
			{Pattern: "proc.Web.exit", URL: "http://127.0.0.1:8000/exits", Secret: "s 3 cret"},
			{Pattern: ".", URL: "https://example.org/all"},
		},
		Settings: config.Settings{
			AllowOrigins: []string{"https://console.example.org", "http://localhost:3000"},
			AllowHosts:   []string{"gaffer.example.org"},
			PluginsDir:   filepath.Join(dir, "plugins"),
			StateDir:     "/srv/state",
			RunHistory:   90 * time.Second,
			OutputWindow: 64 << 10, OutputMemory: 32 << 20,
			LogSize: 2 << 20,
			LogAge:  14 * 24 * time.Hour,

			MaxBody: 4 << 20, HeaderTimeout: 5 * time.Second, IdleTimeout: time.Hour,
			MaxConnections: 500, MaxPeerConnections: 200, MaxPeerStreams: 100, MaxTokenGuesses: 7, MaxProcesses: 50, MaxNumProcesses: 20,
			TokenFile: filepath.Join(dir, "tokens/admin"), RequireToken: true,
			AuditLog: "/var/log/gaffer-audit.log",
		},
	}
}

// TestFieldsFromTheEnvironment has variables be fields of properties.
func TestFieldsFromTheEnvironment(t *testing.T) {
	t.Setenv("GAFFER_TEST_SOFT", "50")
	unpack(t, txtar.Parse([]byte(`
-- gaffer.yaml --
processes:
  web:
    cmd: ./web
    rlimits: {nofile: "${GAFFER_TEST_SOFT}", nproc: "${GAFFER_TEST_SOFT}:100"}
    backoff:
      initial: 1
      max: ${GAFFER_TEST_SOFT}
`)))
	c, err := config.Load("gaffer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	web := c.Templates[0]
	if want := map[string]process.Rlimit{"nofile": {Soft: 50, Hard: 50}, "nproc": {Soft: 50, Hard: 100}}; !maps.Equal(web.Rlimits, want) {
		t.Errorf("the limits are %v, want %v", web.Rlimits, want)
	}
	if web.Backoff.Max != 50*time.Second {
		t.Errorf("the largest pause is %v", web.Backoff.Max)
	}
}

// TestEveryProperty sets each property that there is, so that one that is added
// to a process without a way to write it in a file is found.
func TestEveryProperty(t *testing.T) {
	written := map[manager.Kind]string{
		manager.KindString: "always", manager.KindBool: "yes", manager.KindInt: "1", manager.KindSeconds: "1.5",
		manager.KindArgs: "a b", manager.KindList: "stdout", manager.KindOwner: "0", manager.KindUmask: "022",
		manager.KindSignal: "TERM", manager.KindBackoff: "1, 2, 3", manager.KindFlapping: "1, 2, 3, 4",
		manager.KindRlimits: "nofile=1024",
	}
	for _, name := range manager.PropertyNames() {
		kind, _ := manager.PropertyKind(name)
		key := name
		switch {
		case name == "name" || name == "cmd":
			continue
		case kind == manager.KindMap:
			key, written[kind] = name+":KEY", "value"
		case name == "custom_streams":
			written[kind] = "control"
		case name == "capabilities":
			written[kind] = "CAP_CHOWN"
		}
		load(t, "[process:web]\ncmd = ./web\n"+key+" = "+written[kind]+"\n")
	}
}

func TestIncludes(t *testing.T) {
	unpack(t, txtar.Parse([]byte(`
-- etc/gaffer.ini --
[gaffer]
include = "two words.ini" apps/b.ini
include_dir = apps .
[process:a]
cmd = ./a
-- etc/two words.ini --
[process:words]
cmd = ./words
[env:b]
port = 80
-- etc/apps/b.ini --
[process:b]
cmd = ./b
cwd = run
-- etc/apps/c.ini --
[process:c]
cmd = ./c
-- etc/apps/d.txt --
not read
`)))
	c, err := config.Load("etc/gaffer.ini")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Templates {
		dir, _ := filepath.Rel(here, p.Cwd)
		got = append(got, p.Name+" in "+dir+" "+p.Env["PORT"])
	}
	want := []string{"a in etc ", "words in etc ", "b in etc/apps/run 80", "c in etc/apps "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
}

func TestWarnings(t *testing.T) {
	c := load(t, `[gaffer]
plugins_dir = plugins
state_dir = /var/lib/gaffer
[endpoint:spare]
bind = unix:/run/spare
certfile = spare.pem
[webhooks]
create = http://127.0.0.1:8000/
[process:web]
cmd = ./web
  numprocesses = 2
  --port = 80
[env:wbe]
port = 80
`)
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Error())
	}
	want := []string{
		`gaffer.ini:4: [endpoint:spare]: is not used, because http_endpoints of [gaffer] does not name it`,
		`gaffer.ini:6: [endpoint:spare] certfile: does nothing for a unix socket, which mode protects, and bind has nothing else`,
		`gaffer.ini:11: [process:web] cmd: goes on with "numprocesses = …", because the line is indented: move it to the left if it is a key of its own`,
		`gaffer.ini:13: [env:wbe]: is not used, because there is no [process:wbe]; the nearest is [process:web]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(c.Endpoints) > 0 {
		t.Errorf("endpoints %v without http_endpoints, want none", c.Endpoints)
	}
}

// TestTrustLoopback has it alone: in the files of TestEveryKey it would contradict
// the others.
func TestTrustLoopback(t *testing.T) {
	if c := load(t, "[gaffer]\ntrust_loopback = true\n"); !c.Settings.TrustLoopback {
		t.Errorf("settings %+v", c.Settings)
	}
}

func TestPreflight(t *testing.T) {
	unpack(t, txtar.Parse([]byte(`
-- gaffer.yaml --
processes:
  web:
    cmd: ./web
    uid: no-such-user
    gid: no-such-group
    cwd: nowhere
  worker:
    cmd: ./worker
    cwd: gaffer.yaml
  odd: {cmd: ./odd, cwd: gaffer.yaml/below, uid: 4000000000}
  fine: {cmd: bin/sh, cwd: /, uid: 4000000000, gid: 4000000000}
  typo: {cmd: ./fiel --port 1, cwd: here}
  plain: {cmd: ./file, args: [a], cwd: here}
  folder: {cmd: ./here}
  below: {cmd: gaffer.yaml/web}
  elsewhere: {cmd: nosuch, cwd: here}
  variable: {cmd: $HOME/nosuch}
  shell: {cmd: ./nosuch, shell: true}
  default: {cmd: /bin/sh}
-- here/file --
`)))
	if c, err := config.Load("gaffer.yaml"); err != nil || len(c.Warnings) > 0 {
		t.Errorf("Load asks the machine: %v, %v", err, c.Warnings)
	}
	c, err := config.Preflight("gaffer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, strings.TrimSuffix(strings.ReplaceAll(w.Error(), here, "HERE"), ": the process cannot be started unless that changes"))
	}
	want := []string{
		`gaffer.yaml:4: processes.web.uid: there is no user "no-such-user" on this machine`,
		`gaffer.yaml:5: processes.web.gid: there is no group "no-such-group" on this machine`,
		`gaffer.yaml:6: processes.web.cwd: there is no directory HERE/nowhere on this machine`,
		`gaffer.yaml:9: processes.worker.cwd: HERE/gaffer.yaml is not a directory`,
		`gaffer.yaml:10: processes.odd.cwd: HERE/gaffer.yaml/below is not a directory`,
		`gaffer.yaml:10: processes.odd.uid: user 4000000000 is not in the user database, so its group is not known: give gid too`,
		`gaffer.yaml:12: processes.typo.cmd: there is no program HERE/here/fiel on this machine`,
		`gaffer.yaml:13: processes.plain.cmd: HERE/here/file is not executable, chmod +x would make it so`,
		`gaffer.yaml:14: processes.folder.cmd: HERE/here is a directory`,
		`gaffer.yaml:15: processes.below.cmd: there is no program HERE/gaffer.yaml/web on this machine`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestStateSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gaffer.ini")
	for text, want := range map[string]config.Settings{
		"log_size = 1.5\nlog_age = 3600":       {LogSize: 3 << 19, LogAge: time.Hour},
		"state_dir = state\nrun_history = 0.5": {StateDir: filepath.Join(dir, "state"), RunHistory: time.Second / 2},
		"state_dir = /var/lib/gaffer":          {StateDir: "/var/lib/gaffer"},
	} {
		if err := os.WriteFile(file, []byte("[gaffer]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.Settings); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, bad := range []string{"0", "-1", "1e9"} {
		if err := os.WriteFile(file, []byte("[gaffer]\nrun_history = "+bad+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(file); err == nil || !strings.Contains(err.Error(), "run_history") {
			t.Errorf("run_history = %s: %v", bad, err)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ file, want string }{
		{filepath.Join(dir, "none.ini"), "no such file"},
		{dir, "is a directory"},
		{"/dev/zero", "larger than 4 MiB"},
	} {
		if _, err := config.Load(c.file); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("Load(%s) fails with %v, want the file's name and %q", c.file, err, c.want)
		}
	}
}
