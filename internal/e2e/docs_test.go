package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

// TestDocs types every ```console block of the README and of docs/, in order, at
// a terminal, beside a fresh gafferd that runs examples/gaffer.ini, and compares
// what comes back with what is shown. In what is shown,
//
//   - … stands for whatever is there, alone on a line for any lines;
//   - times and the kernel's pids stand for any other;
//   - ^C is typed once what stands above it has come.
func TestDocs(t *testing.T) {
	for _, file := range documents(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			commands := transcript(read(t, file))
			if len(commands) == 0 {
				t.Skip("shows no command")
			}
			term := newTerminal(t, start(t, filepath.Join(root, "examples", "gaffer.ini")))
			for _, c := range commands {
				term.check(t, c)
			}
		})
	}
}

// shown is a command in a document, with what it printed.
type shown struct {
	line    int
	command string
	output  string
}

// transcript finds the commands in a document's console blocks.
func transcript(doc string) []shown {
	var all []shown
	inside := false
	for i, line := range strings.Split(doc, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			all = append(all, shown{line: i + 1, command: line[2:]})
		case strings.HasSuffix(all[len(all)-1].command, "\\"):
			all[len(all)-1].command += "\n" + line
		default:
			all[len(all)-1].output += line + "\n"
		}
	}
	return all
}

// terminal is where a reader of the docs types.
type terminal struct {
	addr string
	env  []string
}

func newTerminal(t *testing.T, d *daemon) *terminal {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("no-styled-output\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &terminal{
		addr: d.addr(),
		env: append(os.Environ(),
			"PATH="+bin+":"+os.Getenv("PATH"),
			"CURL_HOME="+home,
			"GAFFER_URL="+d.url,
			"TERM=dumb", "NO_COLOR=1", "PS1=", "E2E_MARK="+d.mark),
	}
}

// standIns are for commands that would do here what is being done already.
var standIns = map[string]string{
	"make run":  "make --no-print-directory -n run >/dev/null",
	"make test": "make --no-print-directory -n test >/dev/null",
}

// erased is what a terminal does not show any more: a line of progress.
var erased = regexp.MustCompile(`(?m)^.*\x1b\[K`)

// check types one command and compares what it prints.
func (term *terminal) check(t *testing.T, c shown) {
	t.Helper()
	command := c.command
	if i := strings.Index(command, "  #"); i >= 0 {
		command = strings.TrimRight(command[:i], " ")
	}
	if other, ok := standIns[command]; ok {
		command = other
	}
	command = strings.ReplaceAll(command, "localhost:5000", term.addr)
	command = strings.ReplaceAll(command, "bin/", bin+"/")

	want, interrupt := strings.CutSuffix(c.output, "^C\n")
	got, err := term.run(command, pattern(want, false), interrupt)
	got = erased.ReplaceAllString(strings.ReplaceAll(got, term.addr, "localhost:5000"), "")
	if interrupt {
		got, _, _ = strings.Cut(got, "^C")
	}
	if err != nil || !pattern(want, !interrupt).MatchString(got) {
		t.Errorf("line %d: %s\n--- shown:\n%s--- printed (%v):\n%s", c.line, c.command, want, err, got)
	}
}

// run types a command and returns what the terminal shows until it has ended.
// With interrupt it types ^C when the output matches until.
func (term *terminal) run(command string, until *regexp.Regexp, interrupt bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir = root
	cmd.Env = term.env
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		return "", err
	}
	defer tty.Close()
	var screen bytes.Buffer
	buf := make([]byte, 4<<10)
	for {
		n, err := tty.Read(buf)
		screen.Write(bytes.ReplaceAll(buf[:n], []byte{'\r'}, nil))
		if interrupt && until.MatchString(strings.ReplaceAll(screen.String(), term.addr, "localhost:5000")) {
			interrupt = false
			if _, err := tty.Write([]byte{3}); err != nil {
				return screen.String(), err
			}
		}
		if err != nil {
			break // EIO: nobody holds the terminal any more
		}
	}
	if err := cmd.Wait(); ctx.Err() != nil {
		return screen.String(), fmt.Errorf("did not end: %w", err)
	}
	return screen.String(), nil
}

// variable is what differs from run to run.
var variable = []string{
	`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`,
	`\b\d\d:\d\d:\d\d\b`,
	`"os_pid":\s*\d+`,
}

// pattern is what output must look like to be what is shown.
func pattern(shown string, whole bool) *regexp.Regexp {
	for i, v := range variable {
		shown = regexp.MustCompile(v).ReplaceAllString(shown, fmt.Sprintf("\x00%d\x00", i))
	}
	p := regexp.QuoteMeta(shown)
	for i, v := range variable {
		p = strings.ReplaceAll(p, fmt.Sprintf("\x00%d\x00", i), v)
	}
	p = regexp.MustCompile(`(?m)^…\n`).ReplaceAllLiteralString(p, `(?:.*\n)*?`)
	p = strings.ReplaceAll(p, "…", ".*")
	if whole {
		p += "$"
	}
	return regexp.MustCompile("^" + p)
}

// blocks are a document's code blocks in one language.
func blocks(doc, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(doc, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestDocsCode holds the blocks that are no commands: Go is part of an example,
// JSON a description, and INI a file, that the daemon takes.
func TestDocsCode(t *testing.T) {
	examples := ""
	sources, _ := filepath.Glob(filepath.Join(root, "examples", "*", "*.go"))
	for _, source := range sources {
		examples += unindented(read(t, source))
	}
	known := regexp.MustCompile("(?m)^```(console|go|json|ini|yaml|text)?$")
	for _, file := range documents(t) {
		doc := read(t, file)
		for _, fence := range regexp.MustCompile("(?m)^```.*$").FindAllString(doc, -1) {
			if !known.MatchString(fence) {
				t.Errorf("%s: nothing tests a block that begins with %s", file, fence)
			}
		}
		for _, code := range blocks(doc, "go") {
			if !strings.Contains(examples, unindented(code)) {
				t.Errorf("%s: no example has these lines:\n%s", file, code)
			}
		}
		for _, description := range blocks(doc, "json") {
			var properties map[string]any
			if err := json.Unmarshal([]byte(description), &properties); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, description)
			} else if _, err := manager.ParseTemplate(properties); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, description)
			}
		}
		for _, spelling := range []string{"ini", "yaml"} {
			for _, text := range blocks(doc, spelling) {
				path := filepath.Join(t.TempDir(), "gaffer."+spelling)
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				if c, err := config.Load(path); err != nil || len(c.Warnings) > 0 {
					t.Errorf("%s: %v, %v in\n%s", file, err, c, text)
				}
			}
		}
	}
}

// unindented is code without what its place in a file does to it.
func unindented(code string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(code, "")
}

func documents(t *testing.T) []string {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	return append(files, filepath.Join(root, "README.md"))
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestDocsLinks follows the links from one page to another.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			to := file
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if m[2] == "" {
				continue
			}
			found := false
			for _, h := range heading.FindAllStringSubmatch(read(t, to), -1) {
				found = found || anchor(h[1]) == m[2]
			}
			if !found {
				t.Errorf("%s: there is no %s in %s", file, m[2], to)
			}
		}
	}
}

// anchor is what a heading is linked by.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllLiteralString(strings.ToLower(heading), "")
	return "#" + strings.ReplaceAll(kept, " ", "-")
}

// TestPattern holds that the comparison tells what it should.
func TestPattern(t *testing.T) {
	for _, c := range []struct {
		shown, printed string
		same           bool
	}{
		{"ok\n", "ok\n", true},
		{"ok\n", "ok\nmore\n", false},
		{"ok\n", "", false},
		{"a.c\n", "abc\n", false},
		{"running … 9s\n", "running  1  20s 9s\n", true},
		{"first\n…\nlast\n", "first\nlast\n", true},
		{"first\n…\nlast\n", "first\nx\ny\nlast\n", true},
		{"first\n…\nlast\n", "first\nx\n", false},
		{`{"os_pid":17,"time":"2026-11-22T03:32:33.45Z"}` + "\n", `{"os_pid":4,"time":"2030-01-02T03:04:05.678901Z"}` + "\n", true},
		{`{"pid":17}` + "\n", `{"pid":18}` + "\n", false},
	} {
		if pattern(c.shown, true).MatchString(c.printed) != c.same {
			t.Errorf("%q and %q: want same to be %v", c.shown, c.printed, c.same)
		}
	}
	got := transcript("text\n```console\n$ a \\\n  b\nout\n$ c\n```\n$ no\n```sh\n$ no\n```\n")
	want := []shown{{3, "a \\\n  b", "out\n"}, {6, "c", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("the transcript is %+v", got)
	}
}

// TestDocsAreWhole looks for everything that the daemon has in the pages that
// are about it, and for every route of the page in the daemon.
func TestDocsAreWhole(t *testing.T) {
	d := start(t)
	var document struct {
		Paths map[string]map[string]any
	}
	d.get("/openapi.json", &document)
	api, configuration := read(t, filepath.Join(root, "docs", "api.md")), read(t, filepath.Join(root, "docs", "configuration.md"))

	routes := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				routes[strings.ToUpper(method)+" "+plain(path)] = true
			}
		}
	}
	written := map[string]bool{}
	for _, m := range regexp.MustCompile("`(GET|POST|PUT|DELETE) (/[^` ?]*)").FindAllStringSubmatch(api, -1) {
		written[m[1]+" "+plain(m[2])] = true
	}
	for route := range routes {
		if !written[route] {
			t.Errorf("docs/api.md does not tell of %s", route)
		}
	}
	for route := range written {
		if !routes[route] {
			t.Errorf("docs/api.md tells of %s, which is no route", route)
		}
	}

	for _, property := range manager.PropertyNames() {
		for page, text := range map[string]string{"api.md": api, "configuration.md": configuration} {
			if page == "configuration.md" && (property == "name" || property == "env") {
				continue // they are sections and keys there
			}
			if !strings.Contains(text, "`"+property+"`") {
				t.Errorf("docs/%s does not tell of %s", page, property)
			}
		}
	}
	help, err := exec.Command(filepath.Join(bin, "gafferd"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(string(help), -1) {
		if !strings.Contains(configuration, flag) {
			t.Errorf("docs/configuration.md does not tell of %s", flag)
		}
	}
}

// plain is a path in which it does not matter what its variables are called.
func plain(path string) string {
	path = strings.Replace(path, "/watch/proc/", "/watch/{p1}/", 1) // its parts are free
	return regexp.MustCompile(`[{<][A-Za-z0-9_]+[}>]`).ReplaceAllLiteralString(path, "*")
}
