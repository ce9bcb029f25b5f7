package manager

import (
	"encoding/json"
	"testing"
)

func FuzzParseLogCursor(f *testing.F) {
	for _, seed := range []string{"1.2.1.30", "1.2.1.30" + openMark, "0.0.0.0", "1.2.3", "18446744073709551615.1.1.1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseLogCursor(text)
		if err != nil {
			return
		}
		if again, err := ParseLogCursor(c.String()); c != (LogCursor{}) && (err != nil || again != c) {
			t.Errorf("%q is %+v, which is read back as %+v, %v", text, c, again, err)
		}
	})
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{".", "exit", "proc.web.exit", "proc.", "proc.a.b.c.stop", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseDottedPattern(text)
		if err != nil {
			return
		}
		for _, named := range []bool{false, true} {
			p.matches(&Event{Type: "exit", Name: "web"}, named)
		}
	})
}

// FuzzReadRecords reads what another version of the program may have recorded.
func FuzzReadRecords(f *testing.F) {
	for _, seed := range [][2]string{
		{"before", `{}`}, {"run", "x"}, {"pid", "7"}, {"closing", ""}, {"e3", `{"event": "exit"}`}, {"s1", `{}`},
		{"s1.filed", `{}`}, {"s1.state", `{}`}, {"s1.1", `{}`}, {"s1.x1", `{}`}, {"s1.i1", `{}`}, {"s1.t1", ""}, {"s", ""}, {"", ""},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		old, err := readRecords(map[string][]byte{key: value})
		if err != nil {
			return
		}
		old.check() // must not panic
		if key == "before" && !json.Valid(value) {
			t.Errorf("%q is taken for %s", value, key)
		}
	})
}
