package tokens

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newSet(t *testing.T) *Set {
	t.Helper()
	s, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *Set, token Token) string {
	t.Helper()
	secret, err := s.Add(token)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestSecrets(t *testing.T) {
	s := newSet(t)
	first := add(t, s, Token{Name: "a", Scope: Read})
	second := add(t, s, Token{Name: "b", Scope: Read | Write})
	if first == second || len(first) != len(Prefix)+43 { // 256 bits
		t.Errorf("%q and %q", first, second)
	}
	if token, err := s.Find(second); err != nil || token.Name != "b" {
		t.Errorf("%v, %v", token, err)
	}
	for _, wrong := range []string{"", "x", first + "x", first[:len(first)-1], strings.ToUpper(first)} {
		if _, err := s.Find(wrong); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if text := string(s.Save()); strings.Contains(text, first[len(Prefix):]) || strings.Contains(text, Prefix) {
		t.Errorf("the secret is kept: %s", text)
	}
	if err := s.Revoke("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(first); !errors.Is(err, ErrUnknown) {
		t.Errorf("a revoked one: %v", err)
	}
	if err := s.Revoke("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

// hourly is a set with a token that is good for an hour.
func hourly(t *testing.T) (s *Set, secret string, token *Token) {
	t.Helper()
	s = newSet(t)
	secret = add(t, s, Token{Name: "a", Scope: Read, Expires: time.Now().Add(time.Hour)})
	token, err := s.Find(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s, secret, token
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret, token := hourly(t)
		ended := make(chan error, 1)
		token.Lend("lent", Read).OnEnd(func(err error) { ended <- err })
		token.OnEnd(func(error) { t.Error("it was stopped") })()
		time.Sleep(time.Hour - time.Nanosecond)
		synctest.Wait()
		if _, err := s.Find(secret); err != nil || token.Ended() != nil || len(ended) > 0 {
			t.Errorf("before its time: %v, %v, %d", err, token.Ended(), len(ended))
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		_, found := s.Find(secret)
		_, byID := s.OfID(token.ID())
		for name, err := range map[string]error{"Find": found, "OfID": byID, "Ended": token.Ended(), "OnEnd": <-ended} {
			if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "expired at") {
				t.Errorf("%s: %v", name, err)
			}
		}
		add(t, s, Token{Name: "a", Scope: Read}) // its name is free again
	})
}

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, token := hourly(t)
		told := make(chan error, 1)
		token.OnEnd(func(err error) { told <- err })
		if err := s.Revoke("a"); err != nil {
			t.Fatal(err)
		}
		ended := <-told
		if !errors.Is(ended, ErrUnknown) || !strings.Contains(ended.Error(), "was revoked") || token.Ended() != ended {
			t.Errorf("%v, %v", ended, token.Ended())
		}
		late := make(chan error, 1)
		token.OnEnd(func(err error) { late <- err })
		if err := <-late; err != ended {
			t.Errorf("who asks later: %v", err)
		}
		time.Sleep(2 * time.Hour) // nothing else happens when it would have expired
		synctest.Wait()
		if token.Ended() != ended {
			t.Errorf("%v", token.Ended())
		}
	})
}

func TestRefusals(t *testing.T) {
	s := newSet(t)
	if err := s.Fix("file", "chosen"); err != nil {
		t.Fatal(err)
	}
	add(t, s, Token{Name: "cert", Scope: Read, Subject: "CN=ci"})
	for _, c := range []struct {
		token Token
		want  error
	}{
		{Token{Name: "", Scope: Read}, ErrInvalid},
		{Token{Name: "a b", Scope: Read}, ErrInvalid},
		{Token{Name: strings.Repeat("a", 65), Scope: Read}, ErrInvalid},
		{Token{Name: "a"}, ErrInvalid},
		{Token{Name: "a", Scope: 16}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Only: []string{""}}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Only: []string{"a/b"}}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Only: []string{"[a]"}}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Only: make([]string, 101)}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Expires: time.Now()}, ErrInvalid},
		{Token{Name: "a", Scope: Read, Expires: time.Now().AddDate(200, 0, 0)}, ErrInvalid},
		{Token{Name: "file", Scope: Read}, ErrExists},
		{Token{Name: "a", Scope: Read, Subject: "CN=ci"}, ErrExists},
	} {
		if _, err := s.Add(c.token); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.token, err)
		}
	}
	if err := s.Revoke("file"); !errors.Is(err, ErrFixed) {
		t.Error(err)
	}
	if token, err := s.Find("chosen"); err != nil || token.Scope != Admin {
		t.Errorf("%v, %v", token, err)
	}
	for len(s.tokens) < maxTokens {
		s.tokens = append(s.tokens, &Token{Name: "x", Scope: Read})
	}
	if _, err := s.Add(Token{Name: "a", Scope: Read}); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

// What is kept is all that another process needs, and fixed tokens are not.
func TestKept(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	secret := add(t, s, Token{Name: "a", Scope: Control, Only: []string{"shop:*"}, Expires: time.Now().Add(time.Hour)})
	add(t, s, Token{Name: "cert", Scope: Read, Subject: "CN=ci,O=Example"})
	if err := s.Fix("file", "chosen"); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Find(secret)
	byHand, err := New(s.Save(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fromDisk, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []*Set{byHand, fromDisk} {
		after, err := next.Find(secret)
		if err != nil || after.Scope != Control || after.Covers("web") || !after.Covers("shop:web") || !after.Expires.Equal(before.Expires) || after.ID() != before.ID() {
			t.Errorf("%+v, %v", after, err)
		}
		if _, err := next.OfSubject("CN=ci,O=Example"); err != nil {
			t.Error(err)
		}
		if _, err := next.Find("chosen"); err == nil || len(next.List()) != 2 {
			t.Errorf("%d tokens", len(next.List()))
		}
	}
	if info, err := root.Stat(tokensFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestDamagedIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "{", `{"version": 2}`,
		`{"version": 1, "tokens": [{"name": "a", "scope": ["all"]}]}`,
		`{"version": 1, "tokens": [{"name": "a", "scope": ["read"], "hash": ""}]}`,
		`{"version": 1, "tokens": [{"name": "a", "scope": ["read"], "hash": "00ff"}]}`,
		`{"version": 1, "tokens": [{"name": "a", "scope": ["read"], "only": ["[x]"], "subject": "CN=a"}]}`,
	} {
		if _, err := New([]byte(text), nil); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// One that could not be kept is told, and works or does not work all the same.
func TestDiskIsFull(t *testing.T) {
	s, err := New(nil, func([]byte) error { return errors.New("no space") })
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.Add(Token{Name: "a", Scope: Read})
	if !errors.Is(err, ErrNotSaved) || secret == "" {
		t.Errorf("%q, %v", secret, err)
	}
	if _, err := s.Find(secret); err != nil {
		t.Error(err)
	}
	if err := s.Revoke("a"); !errors.Is(err, ErrNotSaved) {
		t.Error("nothing is told")
	}
	if _, err := s.Find(secret); err == nil {
		t.Error("it is good still")
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		matches       bool
		below         bool // a name that begins so may match
	}{
		{"web", "web", true, true},
		{"web", "we", false, true},
		{"web", "webs", false, false},
		{"shop:*", "shop:web", true, true},
		{"shop:*", "shop:", true, true},
		{"shop:*", "shop", false, true},
		{"shop:*", "shopping:web", false, false},
		{"*", "", true, true},
		{"*:web", "shop:web", true, true},
		{"*:web", "shop:webs", false, true},
		{"a*b*c", "axbxbc", true, true},
		{"a*b*c", "axcxb", false, true},
		{"?", "a", true, true},
		{"?", "", false, true},
		{"worker-?", "worker-12", false, false},
	} {
		if got := matches(c.pattern, c.name); got != c.matches {
			t.Errorf("%q and %q: %v", c.pattern, c.name, got)
		}
		if got := matchesBelow(c.pattern, c.name); got != c.below {
			t.Errorf("%q below %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestReaches(t *testing.T) {
	for _, c := range []struct {
		only    []string
		group   string
		reaches bool
	}{
		{nil, "shop", true},
		{[]string{"shop:*"}, "shop", true},
		{[]string{"shop:web"}, "shop", true},
		{[]string{"shop"}, "shop", true},
		{[]string{"*:web"}, "shop", true},
		{[]string{"web", "shop:*"}, "web", true},
		{[]string{"shop:*"}, "shopping", false},
		{[]string{"shop:*"}, "bank", false},
		{[]string{"web"}, "shop", false},
	} {
		token := Token{Only: c.only}
		if got := token.Reaches(c.group); got != c.reaches {
			t.Errorf("%q and %q: %v", c.only, c.group, got)
		}
	}
}

func TestScopes(t *testing.T) {
	all := Read | Write | Control | Admin
	for s := Scope(1); s <= all; s++ {
		again, err := ParseScope(s.Names()...)
		if err != nil || again != s {
			t.Errorf("%v becomes %v, %v", s, again, err)
		}
		for of := Scope(0); of <= all; of++ {
			if want := s&Admin != 0 || s&of == of; s.Has(of) != want {
				t.Errorf("%v has %v: %v", s, of, !want)
			}
		}
	}
	for _, wrong := range [][]string{nil, {""}, {"all"}, {"read", "Write"}} {
		if _, err := ParseScope(wrong...); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// What was signed for the operator's token is good in the daemon's next life too, as
// long as its name and its secret are the same.
func TestFixedTokensHaveTheirID(t *testing.T) {
	id := func(name, secret string) string {
		s := newSet(t)
		if err := s.Fix(name, secret); err != nil {
			t.Fatal(err)
		}
		token, err := s.Find(secret)
		if err != nil {
			t.Fatal(err)
		}
		return token.ID()
	}
	first := id("fixed", "secret")
	if again := id("fixed", "secret"); again != first {
		t.Errorf("it is %s, and then %s", first, again)
	}
	for _, other := range []string{id("fixed", "another"), id("other", "secret")} {
		if other == first {
			t.Error("another token has the same")
		}
	}
}
