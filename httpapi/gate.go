package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// gate decides who may come in, before anything else looks at a request. The
// API runs programs for whoever reaches it, and a browser on the same machine
// is a way to reach it for every page of the web. http.CrossOriginProtection is
// not enough here: it lets other sites' GETs through.
type gate struct {
	origins []string
	hosts   []string
	tokens  logTokens
}

func newGate(origins, hosts []string, tokens logTokens) gate {
	g := gate{tokens: tokens}
	for _, o := range origins {
		g.origins = append(g.origins, strings.ToLower(strings.TrimSuffix(o, "/")))
	}
	for _, h := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	return g
}

// check refuses a request that may not come in and adds to the answer what
// every answer has.
func (g *gate) check(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff") // streams hold what programs print
	h.Set("Cache-Control", "no-store")         // an answer tells how things are now
	if !onUnixSocket(r) && !g.hostAllowed(r.Host) {
		return fmt.Errorf("%w: this server is not called %q; use its IP address or localhost, or add the name to allow_hosts",
			errBadHost, shorten(r.Host))
	}
	origin, foreign := g.foreign(r)
	if origin != "" && !foreign {
		g.allowOrigin(h, origin)
	}
	if foreign && isPreflight(r) {
		return nil // answered like any OPTIONS: the page learns nothing and may do nothing
	}
	if valid, err := g.checkToken(r); err != nil || valid || !foreign {
		return err
	}
	return fmt.Errorf("%w: the request comes from a page of another site (Origin %q); add that origin to allow_origins if it may use this server",
		errCrossOrigin, shorten(origin))
}

// hostAllowed keeps out names that a page's owner made point here (DNS
// rebinding): only this machine's addresses and names are ours for certain.
func (g *gate) hostAllowed(host string) bool {
	name, ok := hostName(host)
	if !ok {
		return false
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return !ip.Unmap().IsUnspecified()
	}
	return name == "localhost" || slices.Contains(g.hosts, name)
}

// hostName is the lower-case name or address of a Host header without its port.
func hostName(host string) (string, bool) {
	host = strings.ToLower(host)
	port := ""
	if strings.HasPrefix(host, "[") {
		address, rest, closed := strings.Cut(host[1:], "]")
		if !closed || rest != "" && rest[0] != ':' || !strings.Contains(address, ":") {
			return "", false
		}
		host, port = address, strings.TrimPrefix(rest, ":")
	} else if name, p, ok := strings.Cut(host, ":"); ok {
		host, port = name, p
	}
	return host, host != "" && strings.Trim(port, "0123456789") == ""
}

// foreign says whether a request was sent by a page that is not this server's
// and not of an allowed origin. origin is what the request says of itself.
func (g *gate) foreign(r *http.Request) (origin string, foreign bool) {
	origins, sites := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	if len(origins) > 0 {
		origin = origins[0]
	}
	if len(origins) == 1 && slices.Contains(g.origins, strings.ToLower(origin)) {
		return origin, false
	}
	if len(origins) > 1 || len(origins) == 1 && origin != ownOrigin(r) {
		return origin, true
	}
	for _, site := range sites {
		if site != "same-origin" && site != "none" {
			return origin, true
		}
	}
	return origin, false
}

// ownOrigin is this server's origin by the name that the client calls it.
func ownOrigin(r *http.Request) string {
	host := strings.ToLower(r.Host)
	if r.TLS != nil {
		return "https://" + strings.TrimSuffix(host, ":443")
	}
	return "http://" + strings.TrimSuffix(host, ":80")
}

// allowOrigin lets the page that sent the request read the answer.
func (g *gate) allowOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Gaffer-Offset, Gaffer-Missed, Gaffer-Written, Allow")
	h.Add("Vary", "Origin")
}

// preflight completes the answer to the preflight of an allowed origin.
func (g *gate) preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	if !isPreflight(r) || h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", methods)
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	h.Set("Access-Control-Max-Age", "600")
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Origin"]) > 0 && r.Header.Get("Access-Control-Request-Method") != ""
}

// checkToken verifies the token of a URL, if there is one, on every server and
// for every request: a client that relies on one must not be let in as if it was
// valid. valid says that it is, and for this very request. A query that cannot be
// taken apart could hide one.
func (g *gate) checkToken(r *http.Request) (valid bool, err error) {
	if r.URL.RawQuery == "" {
		return false, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	given := values["token"]
	switch {
	case len(given) > 1:
		return false, fmt.Errorf("%w: there are %d of them in the URL", errUnauthorized, len(given))
	case len(given) == 1:
		app, err := g.tokens.verify(given[0], time.Now())
		if err != nil {
			return false, err
		}
		return true, allowLogs(r, app)
	case err != nil:
		return false, badValue("the query", r.URL.RawQuery, "name=value pairs, percent-encoded and joined by &")
	}
	return false, nil
}

// allowLogs says whether a request is one that the token for an app's logs is
// for.
func allowLogs(r *http.Request, app string) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if r.URL.Path == logsPath(app) {
			return nil
		}
	}
	return fmt.Errorf("%w: the token in the URL is for GET %s and nothing else", errForbidden, logsPath(app))
}

// onUnixSocket says whether a request came in on a unix socket, where there is
// no Host that means anything.
func onUnixSocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}
