package tokens

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzSaved reads a file of tokens that anybody may have written.
func FuzzSaved(f *testing.F) {
	s, err := New(nil, func([]byte) error { return nil })
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Add(Token{Name: "ci", Scope: Read | Control, Only: []string{"shop:*"}}); err != nil {
		f.Fatal(err)
	}
	f.Add(s.Save())
	f.Add([]byte(`{"version": 1, "tokens": [{"name": "a", "hash": ""}]}`))
	f.Add([]byte(`{"version": 1, "tokens": [{"name": "a", "scope": ["read"], "subject": "CN=x", "expires": "9999-12-31T23:59:59-01:00"}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, saved []byte) {
		s, err := New(saved, func([]byte) error { return nil })
		if err != nil {
			return
		}
		if _, err := s.Find(""); err == nil {
			t.Errorf("%q makes no token at all a valid one", saved)
		}
		again, err := New(s.Save(), func([]byte) error { return nil })
		if err != nil || !bytes.Equal(again.Save(), s.Save()) {
			t.Errorf("%q is saved as %q, which is read back as %v", saved, s.Save(), err)
		}
	})
}

// FuzzPattern has a name match what is made of it.
func FuzzPattern(f *testing.F) {
	f.Add("shop:web", "shop:*")
	f.Add("a*b", "**a*")
	f.Fuzz(func(t *testing.T, name, pattern string) {
		if matches(pattern, name) && !matchesBelow(pattern, name) {
			t.Errorf("%q is %q and not below it", name, pattern)
		}
		if checkPatterns([]string{pattern}) == nil && !matches(pattern, strings.ReplaceAll(pattern, "*", "x")) {
			t.Errorf("%q does not match what it stands for", pattern)
		}
	})
}
