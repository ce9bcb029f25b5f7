package tokens

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is a set of things that may be done.
type Scope uint8

// The scopes. Each allows what it says and nothing else, but for Admin, which
// allows everything.
const (
	Read    Scope = 1 << iota // status, streams, logs, events
	Write                     // input of processes
	Control                   // start, stop, scale, signal
	Admin                     // create, update, delete, tokens, reload, and all the rest
)

// scopeNames are the scopes in the order of their bits.
var scopeNames = []string{"read", "write", "control", "admin"}

// ParseScope reads the names of scopes.
func ParseScope(names ...string) (s Scope, err error) {
	for _, name := range names {
		i := slices.Index(scopeNames, name)
		if i < 0 {
			return 0, fmt.Errorf("%w: %.40q is no scope: want %s, or several of them", ErrInvalid, name, strings.Join(scopeNames, ", "))
		}
		s |= 1 << i
	}
	if s == 0 {
		return 0, fmt.Errorf("%w: a token needs a scope: %s, or several of them", ErrInvalid, strings.Join(scopeNames, ", "))
	}
	return s, nil
}

// Has reports whether s allows all that of does.
func (s Scope) Has(of Scope) bool { return s&Admin != 0 || s&of == of }

// Names are the names of the scopes in s.
func (s Scope) Names() []string {
	names := []string{}
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String is "read and write".
func (s Scope) String() string { return strings.Join(s.Names(), " and ") }
