package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gafferd/gaffer/internal/wholefile"
)

const (
	maxTokens = 1000

	secretSize = 32

	tokensFile = "tokens.json"
)

// Prefix is how the secrets that Add makes begin, so that people and scanners
// recognise what they have found.
const Prefix = "gaffer_"

// Set is the tokens of a server. It is safe for concurrent use.
type Set struct {
	keep func([]byte) error // set by New, never changed

	mu     sync.RWMutex // guards everything below
	tokens []*Token     // in the order in which they were made
}

// New is the Set that Save has returned, or with nil an empty one. keep is called
// with what Save would return whenever that has changed, one call after the other;
// nil keeps it nowhere.
func New(saved []byte, keep func([]byte) error) (*Set, error) {
	s := &Set{keep: keep}
	if saved == nil {
		return s, nil
	}
	return s, s.restore(saved)
}

// Open is the Set that is kept in a folder, which remains the caller's to close.
func Open(folder *os.Root) (*Set, error) {
	text, err := folder.ReadFile(tokensFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	s, err := New(text, func(text []byte) error { return wholefile.Replace(folder, tokensFile, text) })
	if err != nil {
		return nil, fmt.Errorf("tokens: %s: %w", tokensFile, err)
	}
	return s, nil
}

// Add makes a token. The secret is what its bearer sends; it is kept nowhere and
// can never be told again. For a token that a certificate stands for there is
// none. The error is ErrInvalid, ErrExists or ErrTooMany, or with ErrNotSaved the
// token is there, and good until the program ends.
func (s *Set) Add(t Token) (secret string, err error) {
	now := time.Now()
	if err := t.check(now); err != nil {
		return "", err
	}
	t.Created, t.Fixed = now, false
	t.Expires = t.Expires.Round(0) // by the clock, in this life of the program as in the next
	if t.Subject == "" {
		raw := make([]byte, secretSize)
		rand.Read(raw) // never fails
		secret = Prefix + base64.RawURLEncoding.EncodeToString(raw)
		t.hash = sha256.Sum256([]byte(secret))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = slices.DeleteFunc(s.tokens, func(old *Token) bool { return !old.Fixed && old.expired(now) })
	if err := s.add(&t); err != nil {
		return "", err
	}
	return secret, s.save()
}

// Fix adds an admin token whose secret the operator has chosen. It is not kept.
func (s *Set) Fix(name, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Token{Name: name, Scope: Admin, Created: time.Now(), Fixed: true, hash: sha256.Sum256([]byte(secret))})
}

// add is the end of Add and Fix. s.mu must be held.
func (s *Set) add(t *Token) error {
	for _, old := range s.tokens {
		switch {
		case old.Name == t.Name:
			return fmt.Errorf("a token called %q %w: revoke it first, or choose another name", t.Name, ErrExists)
		case t.Subject != "" && old.Subject == t.Subject:
			return fmt.Errorf("a token for that subject %w: it is %q", ErrExists, old.Name)
		}
	}
	if len(s.tokens) >= maxTokens {
		return ErrTooMany
	}
	s.tokens = append(slices.Clip(s.tokens), t)
	t.begin()
	return nil
}

// List is all tokens, in the order in which they were made, also those that have
// expired.
func (s *Set) List() []*Token {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.tokens)
}

// Empty reports whether there is no token.
func (s *Set) Empty() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.tokens) == 0
}

// Revoke makes a token good for nothing from now on, and ends what goes on with it:
// see Token.OnEnd. The error is ErrNotFound or ErrFixed, or with ErrNotSaved it is
// revoked, and would come back at the next start.
func (s *Set) Revoke(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.tokens, func(t *Token) bool { return t.Name == name })
	switch {
	case i < 0:
		return fmt.Errorf("token %.64q %w", name, ErrNotFound)
	case s.tokens[i].Fixed:
		return fmt.Errorf("token %q %w: change what the daemon is started with", name, ErrFixed)
	}
	s.tokens[i].revoke()
	s.tokens = slices.Delete(slices.Clone(s.tokens), i, i+1)
	return s.save()
}

// Find is the token of a secret. The error is ErrUnknown. How long it takes does
// not depend on which token it is, nor on how much of a secret is right.
func (s *Set) Find(secret string) (*Token, error) {
	hash := sha256.Sum256([]byte(secret))
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found *Token
	for _, t := range s.tokens {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 {
			found = t
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: it was revoked, or is another server's", ErrUnknown)
	}
	return found.inTime()
}

// OfSubject is the token that a client certificate stands for.
func (s *Set) OfSubject(subject string) (*Token, error) {
	return s.one(func(t *Token) bool { return t.Subject != "" && t.Subject == subject })
}

// OfID is the token of that ID.
func (s *Set) OfID(id string) (*Token, error) {
	return s.one(func(t *Token) bool { return t.ID() == id })
}

func (s *Set) one(is func(*Token) bool) (*Token, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.tokens, is)
	if i < 0 {
		return nil, fmt.Errorf("%w: it was revoked, or is another server's", ErrUnknown)
	}
	return s.tokens[i].inTime()
}

func (t *Token) inTime() (*Token, error) {
	if err := t.Ended(); err != nil { // for good, whatever the clock says
		return nil, err
	}
	if t.expired(time.Now()) {
		return nil, t.errExpired()
	}
	return t, nil
}

// save has the tokens kept. The error is ErrNotSaved. s.mu must be held.
func (s *Set) save() error {
	if s.keep == nil {
		return nil
	}
	if err := s.keep(s.encode()); err != nil {
		return fmt.Errorf("tokens: it %w: %w", ErrNotSaved, err)
	}
	return nil
}
