package process

import (
	"slices"
	"strings"
	"testing"
)

func FuzzParseSignal(f *testing.F) {
	for _, seed := range []string{"15", "term", "SIGTERM", "SIGRTMIN+1", "-1", "٣", "sigSIGhup", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sig, err := ParseSignal(text)
		if err != nil {
			return
		}
		if sig < 1 || sig > maxSignal {
			t.Errorf("%q is taken for signal %d", text, sig)
		}
		if again, err := ParseSignal(SignalName(sig)); err != nil || again != sig {
			t.Errorf("%q is %s, which is read back as %v, %v", text, SignalName(sig), again, err)
		}
	})
}

// FuzzValidate has one text be everything that a description has as text.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{"web", "a:b", "sh -c 'a b'", `"`, "\x00", "-1", "$A", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewSpec(text, text)
		s.ArgsLine, s.UID, s.GID, s.Cwd = text, text, text, text
		s.Env = map[string]string{text: text}
		s.RedirectOutput, s.CustomStreams = []string{text}, []string{text + "x"}
		if s.Validate() != nil {
			return
		}
		c, err := (&Spec{Name: s.Name, Cmd: s.Cmd, ArgsLine: s.ArgsLine, Env: s.Env, Umask: -1, RedirectOutput: s.RedirectOutput}).command(&Options{})
		if err != nil {
			t.Fatalf("%q is valid, and then: %v", text, err)
		}
		for _, word := range slices.Concat(c.Args, c.Env) {
			if strings.ContainsRune(word, 0) {
				t.Errorf("%q became %q, which cannot be given to a program", text, word)
			}
		}
	})
}
