package httpapi

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// policy says who may do what, written apart from the table that the server goes
// by: the scope, what a token limited to other processes is refused for (the one
// in the path, or everything), and the route.
const policy = `
-       -          GET /
-       -          GET /ping
-       -          GET /version
-       -          GET /openapi.json
read    -          GET /processes
admin   -          POST /processes
read    path       GET /processes/{name}
admin   path       PUT /processes/{name}
admin   path       DELETE /processes/{name}
read    path       GET /processes/{name}/_pids
read    path       GET /processes/{name}/_exits
control path       POST /processes/{name}/_start
control path       POST /processes/{name}/_stop
control path       POST /processes/{name}/_restart
control path       POST /processes/{name}/_add
control path       POST /processes/{name}/_add/{n}
control path       POST /processes/{name}/_sub
control path       POST /processes/{name}/_sub/{n}
control path       POST /processes/{name}/_scale/{n}
control path       POST /processes/{name}/_signal/{signal}
read    path       GET /processes/{pid}
control path       DELETE /processes/{pid}
control path       POST /processes/{pid}/_stop
control path       POST /processes/{pid}/_signal/{signal}
read    path       GET /status/{name}
read    -          GET /pids
read    -          GET /stats
read    path       GET /stats/{name}
read    path       GET /stats/{name}/{pid}
read    -          GET /groups
read    path       GET /groups/{group}
admin   path       DELETE /groups/{group}
control path       POST /groups/{group}/_start
control path       POST /groups/{group}/_stop
control path       POST /groups/{group}/_restart
read    -          GET /watch
read    -          GET /watch/{p1}
read    -          GET /watch/{p1}/{p2}
read    -          GET /watch/{p1}/{p2}/{p3}
read    path       GET /streams/{pid}/{stream}
write   path       POST /streams/{pid}/{stream}
read    path       GET /wstreams/{pid}
read    path       GET /apps/{app}/logs
read    path       GET /v1/apps/{app}/logs
admin   -          POST /run
admin   everything POST /_reload
admin   everything POST /_upgrade
admin   -          GET /webhooks
admin   -          POST /webhooks
admin   -          GET /webhooks/{id}
admin   -          DELETE /webhooks/{id}
admin   everything GET /tokens
admin   everything POST /tokens
admin   everything DELETE /tokens/{token}
read    -          GET /_plugin
read    -          GET /_plugin/{plugin}
read    -          GET /_plugin/{plugin}/{path}
admin   everything GET /extra
read    everything POST /extra/{id}
`

// demand is a line of the policy.
type demand struct{ scope, over string }

func policies(t *testing.T) map[string]demand {
	t.Helper()
	all := map[string]demand{}
	for line := range strings.Lines(strings.TrimSpace(policy)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			t.Fatalf("policy %q", line)
		}
		all[f[2]+" "+f[3]] = demand{f[0], f[1]}
	}
	return all
}

// realRoutes are the routes of a server, with their variables by name alone, as
// its router itself has them.
func realRoutes(t *testing.T, s *Server) (all []string) {
	t.Helper()
	rt := s.router.Load()
	byPath := map[string]*resource{}
	for _, res := range rt.resources {
		byPath[res.path] = res
	}
	err := rt.mux.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		res := byPath[path]
		if res == nil {
			return fmt.Errorf("%s is in no table", path)
		}
		for method := range res.routes {
			if ruleOf(s.rules, method, path) == nil {
				t.Errorf("%s %s: no rule says who may do it", method, path)
			}
			all = append(all, method+" "+pattern.ReplaceAllString(path, "{$1}"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// matrixServer has an instance of shop:web and one of bank:web, handlers of an
// embedding program, and no handler that does anything.
func matrixServer(t *testing.T, a Access) *daemon {
	required := a.RequireToken
	a.RequireToken = false // until the processes are there
	d := newDaemon(t, Options{Access: a})
	defer func() { d.server.gate.RequireToken = required }()
	d.server.gate.guesses, d.server.refused = newGuesses(1e6), newGuesses(1)
	for i, name := range []string{"shop:web", "bank:web"} {
		if pid := d.create(child(name, "hang")); pid != i+1 {
			t.Fatalf("pid %d", pid)
		}
	}
	none := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	d.server.Handle("GET", "/extra", none, RouteDoc{})
	d.server.Handle("POST", "/extra/{id}", none, RouteDoc{Scope: tokens.Read})
	s := d.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.table {
		s.table[i].handle = func(w http.ResponseWriter, r *http.Request) error { return writeOK(w) }
	}
	s.router.Store(s.newRouter(s.table, s.rules))
	return d
}

// Every route is in the policy, and the policy has none that is not there.
func TestEveryRouteHasARule(t *testing.T) {
	d := matrixServer(t, Access{Everyone: true})
	want := policies(t)
	for _, route := range realRoutes(t, d.server) {
		if _, ok := want[route]; !ok {
			t.Errorf("%s is not in the policy", route)
		}
		delete(want, route)
	}
	for route := range want {
		t.Errorf("%s is in the policy, and is no route", route)
	}
}

func TestRouteWithoutARuleDoesNotStart(t *testing.T) {
	defer func() {
		if failure := fmt.Sprint(recover()); !strings.Contains(failure, "GET /secret: no rule") {
			t.Errorf("%s", failure)
		}
	}()
	new(Server).newRouter([]route{{get, "/secret", bodyIgnored, nil, RouteDoc{}}}, rules)
}

// example is a path of the route, about shop:web where it is about a process.
func example(route string) string {
	_, path, _ := strings.Cut(route, " ")
	return strings.NewReplacer("{name}", "shop:web", "{pid}", "1", "{group}", "shop", "{app}", "shop", "{p2}", "shop:web", "{p3}", "exit",
		"/{p1}/", "/proc/", "{p1}", "exit", "{stream}", "stdout", "{n}", "1", "{signal}", "TERM", "{id}", "x", "{token}", "ci",
		"{plugin}", "p", "{path}", "index.html").Replace(path)
}

// credential is what a request may show.
type credential struct {
	name   string
	secret string
	scope  string // "" for one that is not good
	only   string // shop, bank or ""
	logs   string // for the logs of that app alone
}

// credentials makes one of each kind.
func credentials(t *testing.T) (*tokens.Set, []credential) {
	t.Helper()
	first, err := tokens.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Hour).UTC()
	all := []credential{{name: "none"}, {name: "unknown", secret: "gaffer_unknown"}}
	add := func(c credential, t2 tokens.Token) {
		t2.Name = c.name
		if c.only != "" {
			t2.Only = []string{c.only + ":*"}
		}
		secret, err := first.Add(t2)
		if err != nil {
			t.Fatal(err)
		}
		c.secret = secret
		all = append(all, c)
	}
	for _, scope := range []string{"read", "write", "control", "admin"} {
		s, err := tokens.ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		for _, only := range []string{"", "shop", "bank"} {
			add(credential{name: scope + "-" + only, scope: scope, only: only}, tokens.Token{Scope: s})
		}
	}
	add(credential{name: "expired"}, tokens.Token{Scope: tokens.Admin, Expires: end})
	add(credential{name: "revoked"}, tokens.Token{Scope: tokens.Admin})
	if err := first.Revoke("revoked"); err != nil {
		t.Fatal(err)
	}
	was, _ := json.Marshal(end)
	past, _ := json.Marshal(end.Add(-2 * time.Hour))
	set, err := tokens.New([]byte(strings.Replace(string(first.Save()), string(was), string(past), 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set, all
}

// situation is from where and how a request comes.
type situation struct {
	name    string
	wire    *wire
	headers []string
	host    string // "" is a good one
	foreign bool   // by its headers
	local   bool   // its sender needs no token
	unix    bool
}

// expected is the status and the code of the answer: the statement of the rules.
// asPassword is of a token that the browser may have added by itself.
func expected(s situation, c credential, asPassword, required bool, route string, need demand) (status int, code string) {
	method, path, _ := strings.Cut(route, " ")
	switch {
	case s.host != "" && !s.unix:
		return 403, "bad_host"
	case s.foreign && asPassword:
		return 403, "cross_origin"
	case c.logs != "":
		if method == "GET" && path == "/apps/{app}/logs" && c.logs == "shop" {
			return 200, ""
		}
		return 403, "forbidden"
	case c.secret != "" && c.scope == "":
		return 401, "unauthorized"
	case c.secret == "" && s.foreign:
		return 403, "cross_origin"
	case c.secret == "" && (!s.local || required && !s.unix):
		return 401, "unauthorized"
	case c.secret == "":
		return 200, ""
	}
	enough := need.scope == "-" || c.scope == need.scope || c.scope == "admin"
	wrongApp := need.over == "path" && c.only == "bank" || need.over == "everything" && c.only != ""
	if !enough || wrongApp {
		return 403, "forbidden"
	}
	return 200, ""
}

// wire sends requests on one connection after another.
type wire struct {
	connect func() (io.Reader, io.Writer)
	r       *bufio.Reader
	w       io.Writer
}

func (l *wire) ask(t *testing.T, request string, method string) answered {
	t.Helper()
	if l.r == nil {
		r, w := l.connect()
		l.r, l.w = bufio.NewReader(r), w
	}
	if _, err := io.WriteString(l.w, request); err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	resp, err := http.ReadResponse(l.r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	if resp.Close {
		l.r = nil
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

func wireTo(t *testing.T, network, address string) *wire {
	return &wire{connect: func() (io.Reader, io.Writer) {
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, conn
	}}
}

// wireOfNobody goes through a program of another user.
func wireOfNobody(t *testing.T, address string) *wire {
	return &wire{connect: func() (io.Reader, io.Writer) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TEST_CHILD=stranger", "TEST_NETWORK=tcp", "TEST_ADDRESS="+address)
		w, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		r, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return r, w
	}}
}

// TestMatrix sends every kind of request for every route, and wants what the
// policy says.
func TestMatrix(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	want := policies(t)
	for _, required := range []bool{false, true} {
		set, shown := credentials(t)
		d := matrixServer(t, Access{Tokens: set, RequireToken: required})
		for _, app := range []string{"shop", "bank"} {
			shown = append(shown, credential{name: "logs of " + app, logs: app, secret: d.server.gate.logs.issue(app, "", time.Now())})
		}
		if required { // which is of no matter to whoever has a token
			shown = shown[:2]
		}
		evil := "http://evil.example"
		situations := []situation{
			{name: "unix", wire: wireTo(t, "unix", d.unix), unix: true, local: true},
			{name: "unix, any Host", wire: wireTo(t, "unix", d.unix), unix: true, local: true, host: "evil.example"},
			{name: "unix, foreign Origin", wire: wireTo(t, "unix", d.unix), unix: true, local: true, foreign: true, headers: []string{"Origin: " + evil}},
			{name: "loopback", wire: wireTo(t, "tcp", d.address), local: true},
			{name: "loopback, another user", wire: wireOfNobody(t, d.address)},
			{name: "own page", wire: wireTo(t, "tcp", d.address), local: true, headers: []string{"Origin: " + d.url, "Sec-Fetch-Site: same-origin"}},
			{name: "foreign Origin", wire: wireTo(t, "tcp", d.address), local: true, foreign: true, headers: []string{"Origin: " + evil, "Sec-Fetch-Site: cross-site"}},
			{name: "foreign image", wire: wireTo(t, "tcp", d.address), local: true, foreign: true, headers: []string{"Sec-Fetch-Site: cross-site"}},
			{name: "foreign Host", wire: wireTo(t, "tcp", d.address), local: true, host: "evil.example"},
			{name: "rebinding", wire: wireTo(t, "tcp", d.address), local: true, host: "0.0.0.0:5000", headers: []string{"Origin: http://0.0.0.0:5000"}},
			{name: "through a proxy", wire: wireTo(t, "tcp", d.address), headers: []string{"X-Forwarded-For: 192.0.2.1"}},
			{name: "through a proxy on unix", wire: wireTo(t, "unix", d.unix), unix: true, headers: []string{"Via: 1.1 proxy"}},
		}
		sent := 0
		for _, route := range realRoutes(t, d.server) {
			need, ok := want[route]
			if !ok {
				t.Errorf("%s is not in the policy", route)
			}
			method, _, _ := strings.Cut(route, " ")
			for _, s := range situations {
				for _, c := range shown {
					sent++
					path, headers := example(route), s.headers
					inURL := c.logs != "" || sent%4 == 0
					asPassword := c.secret != "" && !inURL && sent%4 == 1
					switch {
					case c.secret == "":
					case inURL:
						path += "?token=" + c.secret
					case asPassword:
						headers = append(headers[:len(headers):len(headers)], "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+c.secret)))
					case sent%4 == 2:
						headers = append(headers[:len(headers):len(headers)], "Authorization: Bearer "+c.secret)
					default:
						headers = append(headers[:len(headers):len(headers)], "X-Api-Key: "+c.secret)
					}
					host := s.host
					if host == "" {
						host = "localhost"
						for _, h := range headers {
							if h == "Origin: "+d.url {
								host = d.address
							}
						}
					}
					text := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n"
					for _, h := range headers {
						text += h + "\r\n"
					}
					a := s.wire.ask(t, text+"\r\n", method)
					status, code := expected(s, c, asPassword, required, route, need)
					if a.status != status || status != 200 && a.code(t) != code {
						t.Errorf("%s, %s, token %s (required: %v): %d %s, want %d %s", route, s.name, c.name, required, a.status, a.body, status, code)
					}
				}
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%d requests", sent)
	}
}

// What is no route is not found by those who may come in, and by nobody else.
func TestNoRouteIsForNobody(t *testing.T) {
	d := newDaemon(t, Options{Access: Access{RequireToken: true}})
	for _, path := range []string{"/nothing", "/processes/", "//", "/debug/pprof/", "/processes/a/../b"} {
		a := readResponse(t, d.raw("GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
		if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// A GET of any route changes nothing: none is among the rules for what does.
func TestNoGETChangesAnything(t *testing.T) {
	for _, need := range rules {
		changes := need.scope&(tokens.Write|tokens.Control) != 0
		if need.method == get && changes {
			t.Errorf("GET %s needs %s", need.path, need.scope)
		}
		if need.method != get && need.scope == 0 {
			t.Errorf("%s %s needs nothing", need.method, need.path)
		}
	}
}
