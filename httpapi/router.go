package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/mux"
)

// bodyKind says who reads a request's body.
type bodyKind int

const (
	bodyIgnored  bodyKind = iota // read and dropped before the handler runs
	bodyJSON                     // the handler, with readBody
	bodyEmpty                    // the handler, which refuses one
	bodyStreamed                 // the handler, as it comes
)

// route is one row of the table that the router, the answers to OPTIONS and
// the OpenAPI document are made from. HEAD comes with GET.
type route struct {
	method string
	path   string // a pattern of gorilla/mux
	body   bodyKind
	handle handler
	doc    RouteDoc
}

// resource is all routes of one path.
type resource struct {
	path   string
	routes map[string]*route // by method
	needs  map[string]*rule  // likewise
	allow  string
}

func (res *resource) add(r *route, need *rule) {
	if need == nil {
		panic(fmt.Sprintf("httpapi: %s %s: no rule says who may do it", r.method, r.path))
	}
	if res.routes[r.method] != nil {
		panic(fmt.Sprintf("httpapi: %s %s is there already", r.method, r.path))
	}
	res.routes[r.method], res.needs[r.method] = r, need
	methods := []string{http.MethodOptions}
	for m := range res.routes {
		methods = append(methods, m)
	}
	if res.routes[http.MethodGet] != nil && res.routes[http.MethodHead] == nil {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	res.allow = strings.Join(methods, ", ")
}

// router finds the route of a request. It is never changed once made.
type router struct {
	mux       *mux.Router
	byRoute   map[*mux.Route]*resource // the mux's routes
	resources []*resource
	document  func() []byte // OpenAPI, made when it is first asked for: few ever do
}

// newRouter makes a router of a table, and of the rules for it. It panics on a pattern
// that is wrong, on two rows for the same thing, and on one for which there is no rule.
func (s *Server) newRouter(table []route, rules []rule) *router {
	rt := &router{mux: mux.NewRouter().SkipClean(true).UseEncodedPath(), byRoute: map[*mux.Route]*resource{}}
	byPath := map[string]*resource{}
	for i := range table {
		r := &table[i]
		res := byPath[r.path]
		if res == nil {
			res = &resource{path: r.path, routes: map[string]*route{}, needs: map[string]*rule{}}
			byPath[r.path] = res
			rt.resources = append(rt.resources, res)
			added := rt.mux.Path(r.path)
			rt.byRoute[added] = res
			if err := added.GetError(); err != nil {
				panic(fmt.Sprintf("httpapi: pattern %q: %v", r.path, err))
			}
		}
		res.add(r, ruleOf(rules, r.method, r.path))
	}
	rt.document = sync.OnceValue(func() []byte { return newDocument(rt.resources, s.version) })
	return rt
}

// find is the resource that a request is for, nil if there is none at its path, and
// the request with what stands there for the pattern's variables. What serves it is
// not called from here, and so a feed that waits does not have the mux on its stack.
func (rt *router) find(r *http.Request) (*resource, *http.Request) {
	var match mux.RouteMatch
	if !rt.mux.Match(r, &match) {
		return nil, r
	}
	return rt.byRoute[match.Route], mux.SetURLVars(r, match.Vars)
}

// serveResource serves a request for a path that is known, or for res == nil
// for one that is not.
func (s *Server) serveResource(res *resource, w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodOptions {
		return s.options(res, w, r)
	}
	route, err := res.route(w, r)
	if err != nil {
		return err
	}
	told := accountOf(w)
	told.need, told.process = res.needs[route.method], s.processOf(r)
	if err := s.allow(r, res.needs[route.method]); err != nil {
		return err
	}
	if route.body == bodyIgnored {
		if err := skipBody(w, r); err != nil {
			return err
		}
	}
	return route.handle(w, r)
}

// route is what serves a request for the resource, with its variables decoded, or
// why nothing does.
func (res *resource) route(w http.ResponseWriter, r *http.Request) (*route, error) {
	if res == nil {
		return nil, fmt.Errorf("%w: there is nothing at %s; /openapi.json lists what there is", errNoResource, shorten(r.URL.Path))
	}
	route := res.routes[r.Method]
	if route == nil && r.Method == http.MethodHead {
		route = res.routes[http.MethodGet]
	}
	if route == nil {
		w.Header().Set("Allow", res.allow)
		return nil, fmt.Errorf("%w: %s takes %s and not %s", errMethod, shorten(r.URL.Path), res.allow, shorten(r.Method))
	}
	if !decodeVars(mux.Vars(r)) {
		return nil, fmt.Errorf("%w: %s is not percent-encoded as it should be", errNoResource, shorten(r.URL.Path))
	}
	return route, nil
}

// options answers OPTIONS, to which each path has an answer. For a preflight
// of a page that is allowed to use the API, it says what the page may do.
func (s *Server) options(res *resource, w http.ResponseWriter, r *http.Request) error {
	if err := skipBody(w, r); err != nil {
		return err
	}
	allow := http.MethodOptions
	if res != nil {
		allow = res.allow
	}
	w.Header().Set("Allow", allow)
	s.gate.preflight(w, r, allow)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// decodeVars percent-decodes what the router found in the path, once.
func decodeVars(vars map[string]string) bool {
	for name, v := range vars {
		if strings.Contains(v, "%") {
			decoded, err := url.PathUnescape(v)
			if err != nil {
				return false
			}
			vars[name] = decoded
		}
	}
	return true
}

// plainPath brings the path into the one spelling that the router's patterns
// are written for, percent-encoded only where it must be. It is false for a
// path that another server would have cleaned: with dot segments, empty
// segments or, but for plugins, a slash at its end.
func plainPath(u *url.URL) bool {
	path := u.EscapedPath()
	if path == "/" {
		return true
	}
	if !strings.HasPrefix(path, "/") {
		return false
	}
	// Pages of plugins link to what is beside them, and so end in a slash.
	slash := ""
	if strings.HasPrefix(path, pluginsPath+"/") && strings.HasSuffix(path, "/") {
		slash = "/"
	}
	segments := strings.Split(strings.TrimSuffix(path[1:], slash), "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." {
			return false
		}
		segments[i] = url.PathEscape(decoded)
	}
	u.RawPath = "/" + strings.Join(segments, "/") + slash
	return true
}

// shorten keeps what a client sent from filling the answer.
func shorten(text string) string {
	if r := []rune(text); len(r) > 128 {
		return string(r[:128]) + "…"
	}
	return text
}
