package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// document is what the tests look at in an OpenAPI document.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage
}

func TestOpenAPIIsTheRouter(t *testing.T) {
	d := newDaemon(t, Options{})
	doc := decode[document](t, d.want(200, "GET", "/openapi.json", ""))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	served := map[string][]string{}
	routes := 0
	err := d.server.router.Load().mux.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		pattern, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		routes++
		path := documentPath(pattern)
		for _, m := range strings.Split(allowOf(d.server, pattern), ", ") {
			if m != "OPTIONS" && m != "HEAD" {
				served[path] = append(served[path], strings.ToLower(m))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if routes < 30 {
		t.Errorf("only %d routes were walked", routes)
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, text := range item {
			if method == "parameters" {
				continue
			}
			if !slices.Contains(served[path], method) {
				t.Errorf("the document has %s %s, the router does not", method, path)
			}
			var op struct{ OperationID, Summary string }
			if err := json.Unmarshal(text, &op); err != nil || op.Summary == "" || ids[op.OperationID] {
				t.Errorf("%s %s: %v, summary %q, id %q", method, path, err, op.Summary, op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	for path, methods := range served {
		for _, method := range methods {
			if doc.Paths[path][method] == nil {
				t.Errorf("the router has %s %s, the document does not", method, path)
			}
		}
	}
}

func allowOf(s *Server, pattern string) string {
	for _, res := range s.router.Load().resources {
		if res.path == pattern {
			return res.allow
		}
	}
	return ""
}

func TestOptionsHeadAndAllow(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, c := range []struct{ path, allow string }{
		{"/", "GET, HEAD, OPTIONS"},
		{"/processes", "GET, HEAD, OPTIONS, POST"},
		{"/processes/web", "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"/processes/12", "DELETE, GET, HEAD, OPTIONS"},
		{"/processes/%31%32", "DELETE, GET, HEAD, OPTIONS"},
		{"/processes/web/_stop", "OPTIONS, POST"},
		{"/processes/web/_add/3", "OPTIONS, POST"},
		{"/streams/1/stdout", "GET, HEAD, OPTIONS, POST"},
		{"/watch/proc/web/exit", "GET, HEAD, OPTIONS"},
		{"/nothing/here", "OPTIONS"},
		{"/processes/", "OPTIONS"},
	} {
		a := d.want(204, "OPTIONS", c.path, "")
		if got := a.header.Get("Allow"); got != c.allow {
			t.Errorf("OPTIONS %s: Allow: %s, want %s", c.path, got, c.allow)
		}
		if c.allow == "OPTIONS" {
			continue
		}
		a = d.want(405, "PATCH", c.path, "")
		if got := a.header.Get("Allow"); got != c.allow || a.code(t) != "method_not_allowed" {
			t.Errorf("PATCH %s: Allow: %s, %s", c.path, got, a.body)
		}
	}
	for _, path := range []string{"/", "/ping", "/version", "/processes", "/groups", "/pids", "/stats", "/openapi.json"} {
		got, head := d.get(path), d.do("HEAD", path, "")
		if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != got.header.Get("Content-Length") ||
			head.header.Get("Content-Type") != got.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %+v, want the header of %+v", path, head, got)
		}
	}
}

func TestPathsAreNotCleaned(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, path := range []string{
		"/processes/", "//processes", "/processes//", "/./processes", "/processes/../processes", "/processes/.",
		"/processes/%2e%2e", "/processes/..%2f", "/ping/", "/processes//web", "/nothing", "/processes/web/_fly",
		"/processes/1/_start", "/status/1", "/Processes", "/processes/web/_add/1/2",
	} {
		conn := d.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		resp := readResponse(t, conn)
		want := "resource_not_found"
		if path == "/processes/..%2f" {
			want = "not_found" // a name that nothing can have
		}
		if resp.status != 404 || resp.code(t) != want {
			t.Errorf("%s: %d %s, want 404 %s", path, resp.status, resp.body, want)
		}
		if resp.header.Get("Location") != "" {
			t.Errorf("%s: redirected to %s", path, resp.header.Get("Location"))
		}
	}
	d.create(child("a:b", "hang"))
	for _, path := range []string{"/processes/a:b", "/processes/a%3ab", "/processes/%61:b"} {
		d.want(200, "GET", path, "")
	}
	if a := d.get("/processes/a%253ab"); a.status != 404 || a.code(t) != "not_found" {
		t.Errorf("decoded twice: %d %s", a.status, a.body)
	}
}

func TestHandleAddsToGateAndDocument(t *testing.T) {
	d := newDaemon(t, Options{})
	d.server.Handle("GET", "/hello/{who}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("hello " + mux.Vars(r)["who"]))
	}), RouteDoc{Summary: "Greet", Response: "text/plain"})
	if a := d.want(200, "GET", "/hello/wor%20ld", ""); a.body != "hello wor ld" {
		t.Errorf("got %q", a.body)
	}
	if a := d.do("GET", "/hello/x", "", "Origin", "http://evil.example"); a.status != 403 {
		t.Errorf("a foreign page reached it: %d", a.status)
	}
	if doc := decode[document](t, d.get("/openapi.json")); doc.Paths["/hello/{who}"]["get"] == nil {
		t.Error("it is not in the document")
	}
	for _, path := range []string{"/hello/{who}", "/ping", "/{"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Handle(%q) did not panic", path)
				}
			}()
			d.server.Handle("GET", path, http.NotFoundHandler(), RouteDoc{})
		}()
	}
	d.want(200, "GET", "/ping", "")
}

func TestBasics(t *testing.T) {
	d := newDaemon(t, Options{Version: "1.2.3", Commit: "abc"})
	if a := d.get("/ping"); a.body != "OK" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("ping: %q", a.body) // gaffer's client compares with b'OK'
	}
	if v := decode[map[string]string](t, d.get("/")); v["welcome"] != "gaffer" || v["version"] != "1.2.3" {
		t.Errorf("welcome: %v", v)
	}
	if v := decode[map[string]string](t, d.get("/version")); v["name"] != "gaffer" || v["commit"] != "abc" || v["go"] == "" || v["api_version"] != "1" {
		t.Errorf("version: %v", v)
	}
	if h := d.get("/ping").header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("header %v", h)
	}
}
