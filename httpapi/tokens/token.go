package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"
)

// Errors that callers may test for with errors.Is.
var (
	ErrInvalid  = errors.New("no such token can be made")
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("not found")
	ErrUnknown  = errors.New("token is not valid")
	ErrFixed    = errors.New("is the daemon's own")
	ErrNotSaved = errors.New("was done and cannot be saved")
	ErrTooMany  = fmt.Errorf("there may be %d tokens at most", maxTokens)
)

// Token is what is known of a token. It is never changed once it is in a Set.
type Token struct {
	Name    string
	Scope   Scope
	Only    []string  // patterns of the processes that it is for; none: all
	Subject string    // of the client certificate that stands for it; "" for none
	Created time.Time // set by Add
	Expires time.Time // zero: never
	Fixed   bool      // it was given to the daemon, and cannot be revoked

	hash   [sha256.Size]byte       // zero for one that only a certificate stands for
	life   context.Context         // ends with it, for the reason that Find gives then; nil: it is in no Set
	end    context.CancelCauseFunc // ends life
	expiry *time.Timer             // calls end; nil: never
}

// maxLife keeps a mistaken number from being for ever.
const maxLife = 100 * 366 * 24 * time.Hour

var tokenName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)

const maxName = 64 // not in tokenName: to compile a number of repetitions takes long

func (t *Token) check(now time.Time) error {
	switch {
	case len(t.Name) > maxName || !tokenName.MatchString(t.Name):
		return fmt.Errorf("%w: %.40q cannot be its name: want up to 64 letters, digits and any of _ . @ + -, the first one a letter, digit or _", ErrInvalid, t.Name)
	case t.Scope == 0 || t.Scope > Read|Write|Control|Admin:
		return fmt.Errorf("%w: it has no scope", ErrInvalid)
	case !t.Expires.IsZero() && !t.Expires.After(now):
		return fmt.Errorf("%w: it would have expired already", ErrInvalid)
	case t.Expires.Sub(now) > maxLife:
		return fmt.Errorf("%w: it would expire in more than a hundred years; leave that out for one that never does", ErrInvalid)
	case len(t.Subject) > 1024:
		return fmt.Errorf("%w: its subject has more than 1024 characters", ErrInvalid)
	}
	return checkPatterns(t.Only)
}

// Covers reports whether the token is for a process of that name.
func (t *Token) Covers(process string) bool {
	return len(t.Only) == 0 || slices.ContainsFunc(t.Only, func(p string) bool { return matches(p, process) })
}

// Reaches reports whether the token may be for any process of a group.
func (t *Token) Reaches(group string) bool {
	return len(t.Only) == 0 || slices.ContainsFunc(t.Only, func(p string) bool {
		return matches(p, group) || matchesBelow(p, group+":")
	})
}

// ID tells the token from all others, also from a later one of the same name. That of
// a fixed one is the same in each life of the daemon.
func (t *Token) ID() string {
	var made int64
	if !t.Fixed {
		made = t.Created.UnixNano()
	}
	sum := sha256.Sum256(fmt.Appendf(t.hash[:len(t.hash):len(t.hash)], "%s\x00%d", t.Name, made))
	return hex.EncodeToString(sum[:8])
}

// begin has the token's life begin, which is when it comes into a Set.
func (t *Token) begin() {
	t.life, t.end = context.WithCancelCause(context.Background())
	if !t.Expires.IsZero() {
		t.expiry = time.AfterFunc(math.MaxInt64, t.expire)
		t.expiry.Reset(0)
	}
}

// expiryLook is how often the clock is looked at: it may be set, and it goes on while the
// machine sleeps, which no timer does.
const expiryLook = time.Minute

// expire ends the token's life if its time is over, or looks again later.
func (t *Token) expire() {
	switch left := time.Until(t.Expires); {
	case t.life.Err() != nil: // it was revoked
	case left > 0:
		t.expiry.Reset(min(left, expiryLook))
	default:
		t.end(t.errExpired())
	}
}

// revoke ends the token's life before its time.
func (t *Token) revoke() {
	if t.expiry != nil {
		t.expiry.Stop()
	}
	t.end(fmt.Errorf("%w: it was revoked", ErrUnknown))
}

// Ended is why the token is not good any more, an ErrUnknown, and nil while it is.
func (t *Token) Ended() error {
	if t.life == nil || t.life.Err() == nil {
		return nil
	}
	return context.Cause(t.life)
}

// OnEnd has f called, in a goroutine of its own, when the token is revoked or
// expires, and at once if that has happened. The error is an ErrUnknown that says
// which. stop keeps f from being called, and reports whether it has.
func (t *Token) OnEnd(f func(error)) (stop func() bool) {
	if t.life == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(t.life, func() { f(context.Cause(t.life)) })
}

// Lend is a token in no Set that is good for the same processes, as long as t is.
func (t *Token) Lend(name string, scope Scope) *Token {
	return &Token{Name: name, Scope: scope, Only: t.Only, life: t.life}
}

func (t *Token) errExpired() error {
	return fmt.Errorf("%w: it expired at %s", ErrUnknown, t.Expires.UTC().Format(time.RFC3339))
}

// expired reports whether the token's time is over.
func (t *Token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }
