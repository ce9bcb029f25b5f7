package config

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestScanValues(t *testing.T) {
	for _, c := range []struct{ name, written, want string }{
		{"plain", `= ./web --port 80`, `./web --port 80`},
		{"empty", `=`, ``},
		{"equal signs", `= a=b=c`, `a=b=c`},
		{"dollar and percent", `= $HOME ${X} %(y)s`, `$HOME ${X} %(y)s`},
		{"comment", `= web ; listens on 80`, `web`},
		{"hash comment", "= web\t# listens on 80", `web`},
		{"fragment of a URL", `= http://x/#top;y`, `http://x/#top;y`},
		{"first character", `= #fff`, `#fff`},
		{"in double quotes", `= sh -c "a ; b # c" ; d`, `sh -c "a ; b # c"`},
		{"in single quotes", `= sh -c 'a ; b "# c' # d`, `sh -c 'a ; b "# c'`},
		{"apostrophe", `= don't ; comment`, `don't`},
		{"escaped quote", `= "a \" ; b" ; c`, `"a \" ; b"`},
		{"escaped semicolon", `= find . -exec ls {} \; -print ; all`, `find . -exec ls {} \; -print`},
		{"backslash at the end", `= C:\`, `C:\`},
		{"continued", "= a,\n   b,\n\tc", `a, b, c`},
		{"continued from nothing", "=\n  a\n  b", `a b`},
		{"continued after blank and comments", "= a\n\n; one\n  # two\n  b ; three\n  c", `a b c`},
		{"continued in quotes", "= sh -c '\n   echo a\n   echo b'", "sh -c '\n   echo a\n   echo b'"},
		{"windows lines", "= a\r\n  b\r", `a b`},
		{"comment only", "= ; a", "; a"},
		{"trailing blanks of a continued line", "= a  \t\n  b", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			blocks, mistakes := scan("[s]\nkey " + c.written + "\nnext = 1\n")
			if len(mistakes) > 0 || len(blocks) != 1 || len(blocks[0].entries) != 2 {
				t.Fatalf("scanned as %+v, %v; want one section of two keys", blocks, mistakes)
			}
			if got := blocks[0].entries[0].value(); got != c.want {
				t.Errorf("value is %q, want %q", got, c.want)
			}
		})
	}
}

func TestScanLines(t *testing.T) {
	blocks, mistakes := scan("\ufeff; a comment\n" +
		"[one] ; about one\n" +
		"  Indented = 1\n" +
		"  Keys = 2\n" +
		"     go on\n" +
		"\n" +
		"[two:x y]\n" +
		"a:b=c\n")
	var got []string
	for _, b := range blocks {
		got = append(got, fmt.Sprintf("%d [%s]", b.line, b.title))
		for _, e := range b.entries {
			got = append(got, fmt.Sprintf("%d %s = %s", e.line, e.key, e.value()))
		}
	}
	want := []string{"2 [one]", "3 Indented = 1", "4 Keys = 2 go on", "7 [two:x y]", "8 a:b = c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scanned (-want +got):\n%s", diff)
	}
	if len(mistakes) > 0 {
		t.Errorf("mistakes in a file without any: %v", mistakes)
	}
}

// FuzzScan holds that any input is scanned, that what comes out stands where it
// says, and that a value cleaned once is clean.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"", "[gaffer]\nhttp_endpoints = public\n", "[a\nb\n= c\n[]\n", "k = v", "[s]\nk = 'a ; b\n  c' ; d\n\n;e\n e",
		"\ufeff[s]\r\nk=\\\n  \\", "[s]\nk = \xff\n\x00", "[s] x\nk = \" ' \" ' ;", "[s]\n k = a\n  ; b\n c = d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		blocks, mistakes := scan(text)
		lines := strings.Split(text, "\n")
		says := func(line int, part string) bool { // what is no text is reported, and read with marks in its place
			return strings.Contains(strings.ReplaceAll(strings.ToValidUTF8(lines[line-1], "?"), "\x00", "?"), part)
		}
		for _, m := range mistakes {
			if m.line < 1 || m.line > len(lines) || m.text == "" || !utf8.ValidString(m.text) {
				t.Errorf("mistake %+v in a text of %d lines", m, len(lines))
			}
		}
		last := 0
		for _, b := range blocks {
			if b.line <= last || !says(b.line, b.title) {
				t.Errorf("section %q on line %d, after line %d: %q", b.title, b.line, last, lines[b.line-1])
			}
			last = b.line
			for _, e := range b.entries {
				if e.line <= last || e.key == "" || !says(e.line, e.key) {
					t.Errorf("key %q on line %d, after line %d: %q", e.key, e.line, last, lines[e.line-1])
				}
				last = e.line + len(e.lines) - 1
				value := e.value()
				if strings.TrimSpace(value) != value {
					t.Errorf("value %q has white space around it", value)
				}
				again := entry{lines: []string{value}}
				if !strings.Contains(value, "\n") && again.value() != value {
					t.Errorf("value %q reads as %q when it is written back", value, again.value())
				}
			}
		}
		if len(mistakes) == 0 && last > len(lines) {
			t.Errorf("ends on line %d of %d", last, len(lines))
		}
	})
}
