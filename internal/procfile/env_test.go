package procfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnv(t *testing.T) {
	text := strings.Join([]string{
		"\ufeff# comment",
		"",
		"PLAIN=a b\tc   ",
		"EMPTY=",
		"export EXPORTED=1",
		"  SPACED = x ",
		"COMMENT=a#b # c",
		"ONLY= # nothing",
		"TAB=\t#nothing",
		"COLOR=#ff0000",
		"SECRET=#secret # c",
		"HASH=#",
		"SPACES= \t 'x' # c",
		`SINGLE='a "b" \n $HOME # c' # comment`,
		`DOUBLE="a 'b' \"c\" \\ \t \n \$ \q # d"`,
		`LINES="one`,
		`two"`,
		"KEY='-----BEGIN",
		"",
		"-----END'",
		"DOLLAR=pa$$word${X}",
		"TWICE=1",
		"TWICE=2\r",
		"URL=postgres://u:p@h/db?a=b&c=d",
		`INNER=it's "fine"`,
		"dotted.name=ok",
	}, "\n")
	want := map[string]string{
		"PLAIN": "a b\tc", "EMPTY": "", "EXPORTED": "1", "SPACED": "x", "COMMENT": "a#b", "ONLY": "",
		"TAB": "", "COLOR": "#ff0000", "SECRET": "#secret", "HASH": "#", "SPACES": "x",
		"SINGLE": `a "b" \n $HOME # c`, "DOUBLE": "a 'b' \"c\" \\ \t \n $ q # d", "LINES": "one\ntwo",
		"KEY": "-----BEGIN\n\n-----END", "DOLLAR": "pa$$word${X}", "TWICE": "2",
		"URL": "postgres://u:p@h/db?a=b&c=d", "INNER": `it's "fine"`, "dotted.name": "ok",
	}
	got, err := ParseEnv(".env", []byte(text+"\n"))
	want["TWICE"] = "2"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParseEnvMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"secret":               `E:1: want NAME=value, with a name of letters, digits and _`,
		"A=1\n\nmy-key=secret": `E:3: want NAME=value, with a name of letters, digits and _`,
		"A='secret\nB=2\n=":    "E:1: A: the closing ' is missing\nE:3: want NAME=value, with a name of letters, digits and _",
		`A="secret" more`:      `E:1: A: there is something behind the closing ": a quote inside is written \", in double quotes`,
		"A=\"x\ny\"\nB=\x00":   "E:3: B: there is a NUL byte in the value",
	} {
		_, err := ParseEnv("E", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the message tells the value", text)
		}
	}
}

func FuzzParseEnv(f *testing.F) {
	f.Add([]byte("A=1\nexport B='two' # c\nC=\"x\\n\\\"y\ny\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := ParseEnv("E", text)
		if err != nil {
			return
		}
		var again strings.Builder
		escape := strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
		for name, value := range env {
			again.WriteString(name + `="` + escape.Replace(value) + "\"\n")
		}
		got, err := ParseEnv("E", []byte(again.String()))
		if diff := cmp.Diff(env, got); diff != "" || err != nil {
			t.Errorf("what was read reads as another: %v\n%s", err, diff)
		}
	})
}
