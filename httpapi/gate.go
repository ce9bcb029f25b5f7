package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// gate decides who may come in, before anything else looks at a request. The
// API runs programs for whoever reaches it, and a browser on the same machine
// is a way to reach it for every page of the web. http.CrossOriginProtection is
// not enough here: it lets other sites' GETs through.
type gate struct {
	*guard
	origins []string
	hosts   []string
}

func newGate(origins, hosts []string, guard *guard) gate {
	g := gate{guard: guard}
	for _, o := range origins {
		g.origins = append(g.origins, strings.ToLower(strings.TrimSuffix(o, "/")))
	}
	for _, h := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	return g
}

// check refuses a request that may not come in, or says who has sent it, and adds
// to the answer what every answer has.
func (g *gate) check(w http.ResponseWriter, r *http.Request) (*visitor, error) {
	h := w.Header()
	setCommon(h)
	if !onUnixSocket(r) && !g.hostAllowed(r.Host) {
		return nil, fmt.Errorf("%w: this server is not called %q; use its IP address or localhost, or add the name to allow_hosts",
			errBadHost, shorten(r.Host))
	}
	origin, foreign := g.foreign(r)
	if origin != "" && !foreign {
		g.allowOrigin(h, origin)
	}
	if isPreflight(r) {
		return nobodyAtAll, nil // a page learns what it may do, which is nothing if it is foreign; browsers show no token here
	}
	visitor, err := g.identify(r, foreign)
	switch {
	case visitor != nil || err != nil:
		return visitor, err
	case foreign:
		return nil, fmt.Errorf("%w: the request comes from a page of another site (Origin %q); add that origin to allow_origins if it may use this server",
			errCrossOrigin, shorten(origin))
	}
	return g.recognise(r)
}

// setCommon sets what every answer has that is no page.
func setCommon(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff") // streams hold what programs print
	h.Set("Cache-Control", "no-store")         // an answer tells how things are now
	h.Set("Content-Security-Policy", answerPolicy)
	h.Set("X-Frame-Options", "DENY") // what frame-ancestors is to old browsers
}

// answerPolicy is for what is no page: should a browser take it for one after
// all, nothing in it runs, and it is shown in no frame.
const answerPolicy = "default-src 'none'; frame-ancestors 'none'"

// hostAllowed keeps out names that a page's owner made point here (DNS
// rebinding): only this machine's addresses and names are ours for certain.
func (g *gate) hostAllowed(host string) bool {
	name, ok := hostName(host)
	if !ok {
		return false
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return !ip.WithZone("").Unmap().IsUnspecified()
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
	h.Set("Access-Control-Expose-Headers", "Gaffer-Offset, Gaffer-Missed, Gaffer-Written, Gaffer-Seq, Retry-After, Allow")
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
