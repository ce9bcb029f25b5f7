package tokens

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

const savedVersion = 1

// saved is how a Set is kept.
type saved struct {
	Version int          `json:"version"`
	Tokens  []savedToken `json:"tokens"`
}

type savedToken struct {
	Name    string    `json:"name"`
	Scope   []string  `json:"scope"`
	Only    []string  `json:"only,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Hash    string    `json:"hash,omitempty"` // SHA-256, in hexadecimal
}

// Save is all tokens but the fixed ones, for New in another process. There is
// no secret in it.
func (s *Set) Save() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.encode()
}

// encode is Save. s.mu must be held.
func (s *Set) encode() []byte {
	all := saved{savedVersion, []savedToken{}}
	for _, t := range s.tokens {
		if t.Fixed {
			continue
		}
		kept := savedToken{t.Name, t.Scope.Names(), t.Only, t.Subject, t.Created.UTC(), t.Expires.UTC(), ""}
		if t.Subject == "" {
			kept.Hash = hex.EncodeToString(t.hash[:])
		}
		all.Tokens = append(all.Tokens, kept)
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return append(text, '\n')
}

// restore makes the tokens those that Save has returned. If any of it is damaged
// there are none.
func (s *Set) restore(text []byte) error {
	var all saved
	err := json.Unmarshal(text, &all)
	if err == nil && all.Version != savedVersion {
		err = fmt.Errorf("version %d is not known here", all.Version)
	}
	var tokens []*Token
	for _, kept := range all.Tokens {
		t := &Token{Name: kept.Name, Only: kept.Only, Subject: kept.Subject, Created: kept.Created, Expires: kept.Expires}
		if err == nil {
			t.Scope, err = ParseScope(kept.Scope...)
		}
		if err == nil {
			err = checkPatterns(kept.Only) // one that is not understood must not be for all
		}
		for _, at := range []time.Time{kept.Created.UTC(), kept.Expires.UTC()} {
			if err == nil && (at.Year() < 0 || at.Year() > 9999) { // which JSON cannot hold
				err = fmt.Errorf("%q has a time in the year %d", kept.Name, at.Year())
			}
		}
		if err == nil && kept.Subject == "" {
			var n int
			if n, err = hex.Decode(t.hash[:], []byte(kept.Hash[:min(len(kept.Hash), 2*len(t.hash))])); err == nil && n != len(t.hash) {
				err = fmt.Errorf("the hash of %q is cut off", kept.Name)
			}
		}
		tokens = append(tokens, t)
	}
	if err != nil {
		return fmt.Errorf("it is damaged: %w; move it away to begin anew", err)
	}
	for _, t := range tokens {
		t.begin()
	}
	s.tokens = tokens
	return nil
}
