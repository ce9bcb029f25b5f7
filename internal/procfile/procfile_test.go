package procfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Entry
	}{
		"order":    {"web: ./web\nworker:./work\n", []Entry{{"web", "./web"}, {"worker", "./work"}}},
		"names":    {"a-B_9: x\n_: y", []Entry{{"a-B_9", "x"}, {"_", "y"}}},
		"command":  {"web: FOO=1 ./web -p $PORT && echo 'a: b' # end \n", []Entry{{"web", "FOO=1 ./web -p $PORT && echo 'a: b' # end"}}},
		"comments": {"\n# one\n  # two\nweb: x\n\n", []Entry{{"web", "x"}}},
		"windows":  {"\ufeffweb:\tx\r\nworker: y\r\n", []Entry{{"web", "x"}, {"worker", "y"}}},
	} {
		got, err := Parse("Procfile", []byte(c.text))
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `P: there is no process in it: want lines such as "web: ./server"`,
		"web ./server":           `P:1: want "name: command", with a name of letters, digits, _ and -, got "web ./server"`,
		"web server: x":          `P:1: want "name: command", with a name of letters, digits, _ and -, got "web server: x"`,
		"web: x \\\n  --port 80": `P:2: want "name: command" at the beginning of the line, got "  --port 80": a command ends with its line`,
		"web:":                   `P:1: web: there is no command after the name`,
		"web: x\x00":             `P:1: web: there is a NUL byte in the command`,
		"7: x":                   `P:1: 7: a name cannot be a number`,
		"-x: x":                  `P:1: -x: a name begins with a letter, a digit or _`,
		"web: a\n\nweb: b\noops\nweb: c": "P:3: web is there already, in line 1: names are for one process each\n" +
			`P:4: want "name: command", with a name of letters, digits, _ and -, got "oops"` + "\n" +
			"P:5: web is there already, in line 1: names are for one process each",
		strings.Repeat("x", 100): `P:1: want "name: command", with a name of letters, digits, _ and -, got "` + strings.Repeat("x", 40) + `…"`,
	} {
		got, err := Parse("P", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if got != nil {
			t.Errorf("%q: has %v in spite of mistakes", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("web: ./web -p $PORT\n# comment\nworker: sleep 1 \\\n"))
	f.Add([]byte("\ufeffa:b\r\n\r\n:x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := Parse("P", text)
		if err != nil {
			return
		}
		var again bytes.Buffer
		for _, e := range entries {
			again.WriteString(e.Name + ": " + e.Command + "\n")
		}
		got, err := Parse("P", again.Bytes())
		if diff := cmp.Diff(entries, got); diff != "" || err != nil {
			t.Errorf("what was read reads as another: %v\n%s", err, diff)
		}
		a := App{Root: "/", Entries: entries, Env: map[string]string{}, port: 5000}
		if _, err := a.Templates(Formation{}, ""); err != nil {
			t.Errorf("no template of what was read: %v", err)
		}
	})
}
