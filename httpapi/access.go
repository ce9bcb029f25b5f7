package httpapi

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// Access says who may come in. With its zero value those are, without a token,
// the programs of this program's own user and of root: on unix sockets, and on
// loopback addresses where the kernel tells whose the other socket is. All others
// need a token.
type Access struct {
	// Tokens are those that are good. nil: a set in memory that begins empty.
	Tokens *tokens.Set

	// RequireToken has every request on TCP need a token.
	RequireToken bool

	// TrustLoopback lets all users of this machine in on loopback addresses,
	// unless RequireToken is set.
	TrustLoopback bool

	// SharedSockets are the paths of unix sockets that may be used by whoever can
	// connect to them: the mode of the file says who that is.
	SharedSockets []string

	// Everyone lets in whoever reaches the server, to do everything. It is for
	// programs that let nobody in who may not do that, such as with a handler of
	// theirs before Server.Handler.
	Everyone bool
}

// guard lets those in who may come in.
type guard struct {
	Access
	logs    logTokens
	guesses *guesses
}

func newGuard(a Access, logs logTokens, guessesAMinute int) *guard {
	if a.Tokens == nil {
		a.Tokens, _ = tokens.New(nil, nil) // which cannot fail
	}
	return &guard{a, logs, newGuesses(guessesAMinute)}
}

// controlled reports whether tokens mean something here.
func (g *guard) controlled() bool { return g.RequireToken || !g.Tokens.Empty() }

// guessing is too many wrong tokens.
type guessing struct{ wait time.Duration }

func (e *guessing) Error() string {
	return "too many tokens that are not valid came from here; wait before trying another"
}
func (e *guessing) Unwrap() error { return errTooMany }

// identify finds the sender of a request that shows a token; nil for one that does not.
// A token in the URL is verified always: a client that relies on one must not be
// let in as if it was valid. One in a header means nothing on a server that has
// no tokens, where clients send those of other services. And one that the browser
// itself has added says nothing for the page that a foreign request comes from.
func (g *guard) identify(r *http.Request, foreign bool) (*visitor, error) {
	secret, by, err := secretOf(r)
	if err != nil || by == notShown || by != inURL && !g.controlled() || by == asPassword && foreign {
		return nil, err
	}
	peer := caller(r)
	if foreign {
		peer = "pages elsewhere, through " + peer // what those guess must not lock him out
	}
	if wait := g.guesses.wait(peer); wait > 0 {
		return nil, &guessing{wait}
	}
	token, err := g.Tokens.Find(secret)
	if by == inURL && err != nil {
		if token, err = g.logToken(r, secret, err); errors.Is(err, errForbidden) {
			return nil, err
		}
	}
	if err != nil {
		g.guesses.wrong(peer)
		return nil, err
	}
	return &visitor{"token " + token.Name, token}, nil
}

// showing is how a request shows a token.
type showing int

const (
	notShown   showing = iota
	inURL              // which only somebody who knows it can have written
	inHeader           // likewise
	asPassword         // which a browser adds to whatever it sends here
)

// secretOf is what a request shows as a token. A query that cannot be taken apart
// could hide one.
func secretOf(r *http.Request) (secret string, by showing, err error) {
	if r.URL.RawQuery != "" {
		values, err := url.ParseQuery(r.URL.RawQuery)
		switch given := values["token"]; {
		case len(given) > 1:
			return "", inURL, fmt.Errorf("%w: there are %d of them in the URL", errUnauthorized, len(given))
		case len(given) == 1:
			return given[0], inURL, nil
		case err != nil:
			return "", notShown, badValue("the query", r.URL.RawQuery, "name=value pairs, percent-encoded and joined by &")
		}
	}
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(rest)
	} else if _, password, ok := r.BasicAuth(); ok && password != "" {
		return password, asPassword, nil
	} else {
		secret = r.Header.Get("X-Api-Key")
	}
	if secret == "" {
		return "", notShown, nil
	}
	return secret, inHeader, nil
}

// challenge says in the head of an answer how to show a token. A browser asks its
// user for one, as a password, where that could help. There is no login page and no
// cookie in its place: cookies are shown to all ports of an address, and so to
// servers of others on it, while a password is kept for this one.
func (g *guard) challenge(h http.Header, r *http.Request) {
	if _, by, _ := secretOf(r); g.controlled() && (by == notShown || by == asPassword) {
		h.Add("WWW-Authenticate", `Basic realm="gaffer: any name, and a token as the password", charset="UTF-8"`)
	}
	h.Add("WWW-Authenticate", `Bearer realm="gaffer"`)
}

// logToken is what a token that came in a logs_url stands for: reading the logs of
// one app, as far as the one who has asked for that URL may.
func (g *guard) logToken(r *http.Request, secret string, unknown error) (*tokens.Token, error) {
	app, issuer, err := g.logs.verify(secret, time.Now())
	if err != nil {
		if strings.HasPrefix(secret, tokens.Prefix) {
			err = unknown
		}
		return nil, err
	}
	of := new(tokens.Token) // one for everything, which does not end
	if issuer != "" {
		if of, err = g.Tokens.OfID(issuer); err != nil {
			return nil, err
		}
	}
	return of.Lend("of the logs of "+app, tokens.Read), allowLogs(r, app)
}

// allowLogs is nil for a request that the token for an app's logs is for, and
// errForbidden for any other.
func allowLogs(r *http.Request, app string) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if r.URL.Path == logsPath(app) {
			return nil
		}
	}
	return fmt.Errorf("%w: the token in the URL is for GET %s and nothing else", errForbidden, logsPath(app))
}

// recognise finds the sender of a request without a token.
func (g *guard) recognise(r *http.Request) (*visitor, error) {
	if g.Everyone {
		return &visitor{name: "everyone"}, nil
	}
	if v, err := g.certified(r); v != nil || err != nil {
		return v, err
	}
	unix := onUnixSocket(r)
	if g.RequireToken && !unix {
		return nil, fmt.Errorf("%w: send one that gafferctl token add has made, or that the daemon was started with, as Authorization: Bearer or as a password", errNoToken)
	}
	if name := forwarded(r.Header); name != "" {
		return nil, fmt.Errorf("%w: the request says by %s that it comes from elsewhere, so it needs a token of its own", errNoToken, name)
	}
	uid, known, err := userOfRequest(r)
	switch {
	case err != nil:
		return nil, err
	case known && (uid == 0 || uid == ownUser()):
		return &visitor{name: userKey(uid)}, nil
	case unix && slices.Contains(g.SharedSockets, localAddress(r)):
		return &visitor{name: callerName(uid, known)}, nil
	case !unix && g.TrustLoopback && onLoopback(r):
		return &visitor{name: callerName(uid, known)}, nil
	case known:
		return nil, fmt.Errorf("%w: only the user that the daemon runs as (%s) and root come in without one, and the request comes from %s", errNoToken, userKey(os.Geteuid()), userKey(uid))
	case onLoopback(r):
		return nil, fmt.Errorf("%w: whose request this is cannot be told, because its sender is gone already or in another network namespace", errNoToken)
	}
	return nil, fmt.Errorf("%w: only programs on this machine, of the user that the daemon runs as and of root, come in without one", errNoToken)
}

// certified finds the sender of a request with a client certificate that a token stands
// for; nil for one without.
func (g *guard) certified(r *http.Request) (*visitor, error) {
	subject := certificateOf(r)
	if subject == "" {
		return nil, nil
	}
	token, err := g.Tokens.OfSubject(subject)
	if err != nil {
		// On this machine it may be somebody who comes in without one.
		if uid, known, _ := userOfRequest(r); !g.RequireToken && known && (uid == 0 || uid == ownUser()) {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: there is none for the certificate of %q: make one with gafferctl token add NAME --subject", errNoToken, shorten(subject))
	}
	return &visitor{"token " + token.Name, token}, nil
}

// certificateOf is the subject of the verified certificate that a client has
// shown, "" without one.
func certificateOf(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	var leaf *x509.Certificate = r.TLS.VerifiedChains[0][0]
	return leaf.Subject.String()
}

// forwarded is a header by which a proxy says that it sends somebody else's
// request.
func forwarded(h http.Header) string {
	for name := range h {
		switch {
		case name == "Forwarded", name == "Via", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"):
			return name
		}
	}
	return ""
}

func callerName(uid int, known bool) string {
	if known {
		return userKey(uid)
	}
	return "somebody on this machine"
}

// localAddress is the address at which a request came in.
func localAddress(r *http.Request) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return local.String()
	}
	return ""
}

// onLoopback says whether a request came in on a loopback address, from one.
func onLoopback(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && addrPort(local).Addr().IsLoopback() && net.ParseIP(host).IsLoopback()
}

// onUnixSocket says whether a request came in on a unix socket, where there is
// no Host that means anything.
func onUnixSocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}
