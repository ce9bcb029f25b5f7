package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
)

// token makes one and returns the headers that show it.
func (d *daemon) token(name string, scope tokens.Scope, only ...string) []string {
	d.t.Helper()
	secret, err := d.server.gate.Tokens.Add(tokens.Token{Name: name, Scope: scope, Only: only})
	if err != nil {
		d.t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + secret}
}

const createWeb = `{"name": "web", "cmd": "true", "start": false}`

// postOf is a whole request.
func postOf(path, body string, headers ...string) string {
	text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n", path, len(body))
	for _, h := range headers {
		text += h + "\r\n"
	}
	return text + "\r\n" + body
}

func TestAnotherUserIsRefused(t *testing.T) {
	d := newDaemon(t, Options{})
	answer := asNobody(t, "tcp", d.address, postOf("/processes", createWeb), false)
	if !strings.HasPrefix(answer, "HTTP/1.1 401 ") || !strings.Contains(answer, "uid 65534") {
		t.Errorf("%s", answer)
	}
	if names := d.manager.Names(); len(names) > 0 {
		t.Errorf("%q were created", names)
	}
	d.server.gate.TrustLoopback = true
	if answer := asNobody(t, "tcp", d.address, postOf("/processes", createWeb), false); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Errorf("with TrustLoopback: %s", answer)
	}
}

// Whoever is gone when his request is looked at has a socket of which the kernel says
// that it is root's.
func TestAnotherUserWhoLeavesAtOnceIsRefused(t *testing.T) {
	const times = 5
	var log lockedBuffer
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	for _, gone := range []bool{true, false} { // before the server has accepted, or about then
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		serve := func() {
			go func() { done <- New(m, Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}).Serve(ctx, l) }()
		}
		if !gone {
			serve()
		}
		before := strings.Count(log.String(), `"result":"401 unauthorized"`)
		for range times {
			asNobody(t, "tcp", l.Addr().String(), postOf("/processes", createWeb), true)
		}
		if gone {
			serve()
		}
		eventually(t, "the refusals", func() bool {
			return strings.Count(log.String(), `"result":"401 unauthorized"`) == before+times
		})
		cancel()
		<-done
	}
	if names := m.Names(); len(names) > 0 || strings.Contains(log.String(), `"result":"200`) {
		t.Errorf("%q were created: %s", names, log.String())
	}
}

// lockedBuffer is for a logger.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A unix socket that everybody can connect to is not for everybody, unless the
// operator said so.
func TestUnixSocketOfAnotherMode(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	folder, err := os.MkdirTemp("", "gaffer")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	for _, shared := range []bool{false, true} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{folder, path} {
			if err := os.Chmod(name, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		o := Options{Logger: slog.New(slog.DiscardHandler)}
		want := "HTTP/1.1 401 "
		if shared {
			o.Access.SharedSockets, want = []string{path}, "HTTP/1.1 200 "
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(m, o).Serve(ctx, l) }()
		if answer := asNobody(t, "unix", path, "GET /processes HTTP/1.0\r\n\r\n", false); !strings.HasPrefix(strings.Replace(answer, "1.0", "1.1", 1), want) {
			t.Errorf("shared %v: %s", shared, answer)
		}
		cancel()
		<-done
	}
}

// What a token is not for does not exist for its bearer, in lists and events too.
func TestLimitedTokenSeesItsProcessesAlone(t *testing.T) {
	hooks := webhooks.New(webhooks.Options{Hooks: []webhooks.Hook{
		{Event: ".", URL: "http://127.0.0.1:1/all"}, {Event: "proc.shop:web.exit", URL: "http://127.0.0.1:1/shop"}, {Event: "proc.bank:web", URL: "http://127.0.0.1:1/bank"},
	}, Logger: slog.New(slog.DiscardHandler)})
	d := newDaemon(t, Options{Webhooks: hooks})
	if err := d.manager.StartApps(hooks); err != nil {
		t.Fatal(err)
	}
	d.create(child("shop:web", "hang"))
	d.create(child("bank:web", "hang"))
	d.create(child("bank:shop", "hang"))
	limited := d.token("limited", tokens.Admin, "shop:*")
	for path, want := range map[string]string{
		"/processes":              `["shop:web"]`,
		"/processes?running=true": `[1]`,
		"/groups":                 `["shop"]`,
		"/groups/shop":            `["shop:web"]`,
	} {
		if a := d.do("GET", path, "", limited...); strings.TrimSpace(a.body) != want {
			t.Errorf("%s: %s, want %s", path, a.body, want)
		}
	}
	for _, path := range []string{
		"/processes?info=true", "/processes?running=true&info=true", "/pids", "/stats", "/webhooks",
		"/watch?since=0", "/watch/create?since=0", "/watch/proc?since=0", "/watch/proc/bank:web?since=0&timeout=0",
	} {
		a := d.do("GET", path, "", limited...)
		if a.status >= 300 || strings.Contains(a.body, "bank") || !strings.Contains(path, "bank") && !strings.Contains(a.body, "shop") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/processes", `{"name": "bank:other", "cmd": "true"}`},
		{"POST", "/run", `{"cmd": "true"}`},
		{"POST", "/webhooks", `{"event": ".", "url": "http://127.0.0.1:1/x"}`},
		{"POST", "/webhooks", `{"event": "proc.bank:web", "url": "http://127.0.0.1:1/x"}`},
		{"POST", "/tokens", `{"name": "more", "scope": "admin"}`},
		{"GET", "/processes/bank:web", ""}, {"GET", "/processes/nothing", ""}, {"GET", "/processes/2", ""},
		{"GET", "/streams/2/stdout", ""}, {"POST", "/groups/bank/_stop", ""}, {"GET", "/apps/bank/logs", ""}, {"GET", "/apps/nothing/logs", ""},
	} {
		if a := d.do(c.method, c.path, c.body, limited...); a.status != 403 || a.code(t) != "forbidden" {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	if a := d.do("POST", "/processes?wait=true", string(mustJSON(child("shop:more", "hang"))), limited...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := d.do("POST", "/webhooks", `{"event": "proc.shop:web", "url": "http://127.0.0.1:1/x"}`, limited...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Of a group that it may know in part, it commands that part.
	part := d.token("part", tokens.Control, "bank:web")
	if a := d.do("POST", "/groups/bank/_stop?wait=true", "", part...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for name, active := range map[string]bool{"bank:web": false, "bank:shop": true} {
		if status, err := d.manager.Status(name); err != nil || status.Active != active {
			t.Errorf("%s: %+v, %v", name, status, err)
		}
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return text
}

// The logs of an app are those of the processes that a token is for, also by a URL
// that was asked for with it, which is good for as long as the token is.
func TestLogsOfLimitedToken(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, name := range []string{"shop:web", "shop:vault"} {
		pid := d.create(child(name, "print", "text", "of "+name+"\n"))
		d.written(pid, "stdout", 1)
	}
	limited := d.token("limited", tokens.Read, "shop:web")
	logs := strings.TrimPrefix(d.logsURL("shop", limited...), d.url)
	for _, ask := range []func() answered{
		func() answered { return d.do("GET", "/apps/shop/logs", "", limited...) },
		func() answered { return d.get(logs) },
	} {
		if a := ask(); a.status != 200 || !strings.Contains(a.body, "of shop:web") || strings.Contains(a.body, "vault") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if err := d.server.gate.Tokens.Revoke("limited"); err != nil {
		t.Fatal(err)
	}
	if a := d.get(logs); a.status != 401 {
		t.Errorf("the URL of a revoked token: %d %s", a.status, a.body)
	}
}

func TestEnvironmentIsForAdmins(t *testing.T) {
	d := newDaemon(t, Options{})
	description := child("web", "hang")
	description["env"].(map[string]string)["PASSWORD"] = "s3cret"
	pid := d.create(description)
	reader, admin := d.token("reader", tokens.Read|tokens.Write|tokens.Control), d.token("admin", tokens.Admin)
	for _, path := range []string{"/processes/web", fmt.Sprint("/processes/", pid), "/processes?info=true", "/processes?info=true&running=true"} {
		a := d.do("GET", path, "", reader...)
		if a.status != 200 || strings.Contains(a.body, "s3cret") || !strings.Contains(a.body, `"PASSWORD":null`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		for _, headers := range [][]string{nil, admin} {
			if a := d.do("GET", path, "", headers...); !strings.Contains(a.body, `"PASSWORD":"s3cret"`) {
				t.Errorf("%s for %v: %s", path, headers, a.body)
			}
		}
	}
	shown := d.do("GET", "/processes/web", "", reader...).body
	if a := d.do("PUT", "/processes/web", shown, admin...); a.status != 400 {
		t.Errorf("what is hidden was sent back: %d %s", a.status, a.body)
	}
	// Nor is it where a command line has it. Why that could not be started tells it to
	// nobody, for that goes to webhooks and into the log too, and is kept.
	description = child("bad", "hang")
	delete(description, "args")
	description["env"].(map[string]string)["PASSWORD"] = "s3cret"
	description["cmd"] = "/nonexistent/$PASSWORD/program"
	d.do("POST", "/processes?wait=true", string(mustJSON(description))) // it fails
	described := child("said", "stubborn", "args", []any{"--password", "$PASSWORD"}, "graceful_timeout", 600)
	described["env"].(map[string]string)["PASSWORD"] = "s3cret"
	d.written(d.create(described), "stdout", 1)
	if a := d.get("/processes/bad/_exits"); strings.Contains(a.body, "s3cret") || !strings.Contains(a.body, "/nonexistent/$PASSWORD/program: no such file") {
		t.Errorf("for an admin: %s", a.body)
	}
	if a := d.get("/stats/said"); !strings.Contains(a.body, "s3cret") {
		t.Errorf("for an admin: %s", a.body)
	}
	paths := []string{"/watch?since=0", "/status/web", "/status/bad", "/stats", "/stats/said", "/processes/web/_exits", "/processes/bad/_exits", "/processes?info=true"}
	unseen := func() {
		for _, path := range paths {
			if a := d.do("GET", path, "", reader...); strings.Contains(a.body, "s3cret") {
				t.Errorf("%s: %s", path, a.body)
			}
		}
	}
	unseen()
	// Nor is it when the description has another one, while the old program still runs.
	for _, description := range []map[string]any{description, described} {
		description["env"].(map[string]string)["PASSWORD"] = "other"
		d.want(200, "PUT", "/processes/"+description["name"].(string), string(mustJSON(description)))
	}
	if a := d.get("/stats/said"); !strings.Contains(a.body, "s3cret") {
		t.Errorf("the old program is gone already: %s", a.body)
	}
	unseen()
	d.want(200, "DELETE", "/processes/bad", "")
	paths = []string{"/watch?since=0"}
	unseen()
	d.want(200, "POST", "/processes/said/_signal/KILL", "")
}

// Typing into a process takes the scope for that, also over a websocket.
func TestWebsocketNeedsBothScopes(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	for _, c := range []struct {
		scope  tokens.Scope
		query  string
		status int
	}{
		{tokens.Read, "", 403}, {tokens.Write, "", 403}, {tokens.Read, "readonly=true", 101}, {tokens.Write, "readonly=true", 403},
		{tokens.Read | tokens.Write, "", 101}, {tokens.Admin, "", 101},
	} {
		name := fmt.Sprintf("t%d%s", c.scope, c.query)[:2] + fmt.Sprint(len(c.query))
		secret, err := d.server.gate.Tokens.Add(tokens.Token{Name: name, Scope: c.scope})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		// As from a page, which can send no headers.
		conn, resp, err := websocket.Dial(ctx, fmt.Sprintf("%s/wstreams/%d?%s&token=%s", d.url, pid, c.query, secret), nil)
		if resp == nil || resp.StatusCode != c.status {
			t.Errorf("%s, %q: %v", c.scope, c.query, err)
		}
		if conn != nil {
			conn.CloseNow()
		}
		cancel()
	}
}

// A token in a URL opens an EventSource of a page elsewhere, and opens CORS to no
// page.
func TestTokenDoesNotOpenCORS(t *testing.T) {
	d := newDaemon(t, Options{})
	headers := append(d.token("reader", tokens.Read), "Origin", "https://evil.example")
	a := d.do("GET", "/processes", "", headers...)
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestWrongTokensAreBounded(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{TokenGuesses: 3}})
	good := d.token("good", tokens.Read)
	wrong := []string{"Authorization", "Bearer gaffer_wrong"}
	for range 3 {
		if a := d.do("GET", "/ping", "", wrong...); a.status != 401 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for _, headers := range [][]string{wrong, good} {
		a := d.do("GET", "/ping", "", headers...)
		if a.status != 429 || a.code(t) != "too_many" || a.header.Get("Retry-After") == "" || a.header.Get("Retry-After") == "0" {
			t.Errorf("%d %s %v", a.status, a.body, a.header)
		}
	}
	if a := d.get("/ping"); a.status != 200 {
		t.Errorf("without a token: %d %s", a.status, a.body)
	}
}

// A caller with a token has a place of its own in a stream.
func TestTokenIsACaller(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "print", "text", "a\n"))
	d.written(pid, "stdout", 2)
	path := fmt.Sprintf("/streams/%d/stdout", pid)
	for _, headers := range [][]string{nil, d.token("one", tokens.Read), d.token("two", tokens.Read)} {
		if a := d.do("GET", path, "", headers...); a.body != "a\n" {
			t.Errorf("%v: %q", headers, a.body)
		}
	}
}

func TestTokensOverHTTP(t *testing.T) {
	d := newDaemon(t, Options{})
	a := d.want(200, "POST", "/tokens", `{"name": "ci", "scope": ["control", "read"], "only": ["shop:*"], "expires": "24h"}`)
	made := decode[struct {
		OK          bool
		Name, Token string
	}](t, a)
	if !made.OK || made.Name != "ci" || !strings.HasPrefix(made.Token, tokens.Prefix) {
		t.Fatalf("%s", a.body)
	}
	list := d.get("/tokens")
	if strings.Contains(list.body, made.Token) {
		t.Errorf("%s", list.body)
	}
	all := decode[[]struct {
		Name        string
		Scope, Only []string
		ExpiresAt   time.Time `json:"expires_at"`
	}](t, list)
	if len(all) != 1 || all[0].Name != "ci" || !slices.Equal(all[0].Scope, []string{"read", "control"}) || !slices.Equal(all[0].Only, []string{"shop:*"}) ||
		time.Until(all[0].ExpiresAt) < 23*time.Hour || time.Until(all[0].ExpiresAt) > 24*time.Hour {
		t.Errorf("%s", list.body)
	}
	for _, c := range []struct {
		body   string
		status int
		code   string
		reason string
	}{
		{`{"name": "ci", "scope": "read"}`, 409, "conflict", "exists already"},
		{``, 400, "invalid_json", `it is empty; send an object such as {"name": "ci"`},
		{`{"name": "a"}`, 400, "invalid_process_info", "scope: is missing"},
		{`{"name": "a", "scope": "all"}`, 400, "invalid_process_info", "is no scope"},
		{`{"name": "a b", "scope": "read"}`, 400, "invalid_process_info", "cannot be its name"},
		{`{"name": "a", "scope": "read", "expires": 0}`, 400, "invalid_process_info", "expires: got 0, want a number of seconds above 0"},
		{`{"name": "a", "scope": "read", "expires": "soon"}`, 400, "invalid_process_info", `expires: got "soon", want`},
		{`{"name": "a", "scope": "read", "only": "["}`, 400, "invalid_process_info", "is no pattern"},
		{`{"name": "a", "scope": "read", "until": 1}`, 400, "invalid_process_info", `until: is not a known property, the nearest is "`},
		{`{"name": 1, "scope": {}}`, 400, "invalid_process_info", "name: got 1, want a string; scope: got {}, want a string or a list of strings"},
	} {
		a := d.do("POST", "/tokens", c.body)
		if code := a.code(t); a.status != c.status || code != c.code || !strings.Contains(strings.ReplaceAll(a.body, `\"`, `"`), c.reason) {
			t.Errorf("%s: %d %s, want %d %s and %q", c.body, a.status, a.body, c.status, c.code, c.reason)
		}
	}
	if a := d.want(200, "DELETE", "/tokens/ci", ""); a.body != okBody {
		t.Errorf("DELETE: %q", a.body)
	}
	d.want(404, "DELETE", "/tokens/ci", "")
	if err := d.server.gate.Tokens.Fix("$X", "secret"); err != nil {
		t.Fatal(err)
	}
	d.want(409, "DELETE", "/tokens/$X", "")
}

// Whoever changes something, or tries to, is told of: in the log, and as an event that
// has to be asked for.
func TestAudit(t *testing.T) {
	var log, file lockedBuffer
	d := newDaemon(t, Options{Logger: slog.New(slog.NewJSONHandler(&log, nil)), AuditLogger: slog.New(slog.NewJSONHandler(&file, nil))})
	reader := d.token("reader", tokens.Read)
	before := d.manager.Events().Last()
	d.want(200, "GET", "/processes", "")
	d.want(400, "POST", "/processes?x=y", "{}")
	if last := d.manager.Events().Last(); last != before {
		t.Errorf("%d other events", last-before)
	}
	d.want(200, "POST", "/processes?wait=true", createWeb)
	d.do("POST", "/processes/web/_stop", "", reader...)
	me := userKey(os.Getuid())
	want := []manager.Audit{
		{Who: me, Request: "POST /processes", Result: "400 invalid_process_info"},
		{Who: me, Request: "POST /processes", Result: "200"},
		{Who: "token reader", Request: "POST /processes/web/_stop", Result: "403 forbidden"},
	}
	type told struct {
		Event string
		manager.Audit
	}
	var got []manager.Audit
	for line := range strings.Lines(d.get("/watch/audit?since=0").body) {
		var e told
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event != "audit" || !strings.HasPrefix(e.From, "127.0.0.1:") {
			t.Errorf("%s: %v", line, err)
		}
		e.Audit.From = ""
		got = append(got, e.Audit)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{log.String(), file.String()} {
		if n := strings.Count(text, `"msg":"audit"`); n != len(want) {
			t.Errorf("%d lines: %s", n, text)
		}
		if strings.Contains(text, "x=y") || strings.Contains(text, tokens.Prefix) {
			t.Errorf("%s", text)
		}
	}
	if a := d.get("/watch/proc/web/audit?since=0"); strings.Count(a.body, "\n") != 2 {
		t.Errorf("about web: %s", a.body)
	}
	if a := d.get("/watch?since=0"); strings.Contains(a.body, "audit") {
		t.Errorf("unasked: %s", a.body)
	}
	for _, path := range []string{"/watch/audit", "/watch/proc/web/audit"} {
		if a := d.do("GET", path, "", reader...); a.status != 403 {
			t.Errorf("%s for a reader: %d %s", path, a.status, a.body)
		}
	}
}

// Whoever is not let in may not fill the log.
func TestRefusalsInTheLogAreBounded(t *testing.T) {
	var log lockedBuffer
	d := newDaemon(t, Options{Access: Access{RequireToken: true}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	for range 2 * refusalsAMinute {
		d.want(401, "POST", "/processes", createWeb)
	}
	if n := strings.Count(log.String(), `"result":"401 unauthorized"`); n < refusalsAMinute || n > refusalsAMinute+2 {
		t.Errorf("%d lines", n)
	}
	if d.manager.EventsFor(auditPattern(t)).Last() > 0 {
		t.Error("they are events")
	}
}

func auditPattern(t *testing.T) manager.Pattern {
	p, err := manager.ParsePattern("audit")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A client certificate stands for a token, but not for a page of another site: the
// browser shows it to whoever asks.
func TestClientCertificate(t *testing.T) {
	d := newDaemon(t, Options{Access: Access{RequireToken: true}})
	if _, err := d.server.gate.Tokens.Add(tokens.Token{Name: "ci", Scope: tokens.Read, Subject: "CN=ci,O=Example"}); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, subject pkix.Name, headers ...string) answered {
		r, err := http.NewRequest(method, "https://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		r.RemoteAddr = "192.0.2.1:1234"
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Subject: subject}}}}
		w := httptest.NewRecorder()
		d.server.Handler().ServeHTTP(w, r)
		return answered{w.Code, w.Header(), w.Body.String()}
	}
	ci := pkix.Name{CommonName: "ci", Organization: []string{"Example"}}
	for _, c := range []struct {
		method, path string
		subject      pkix.Name
		headers      []string
		status       int
	}{
		{"GET", "/processes", ci, nil, 200},
		{"POST", "/processes/web/_stop", ci, nil, 403},
		{"GET", "/processes", pkix.Name{CommonName: "ci"}, nil, 401},
		{"GET", "/processes", ci, []string{"Origin", "https://evil.example"}, 403},
	} {
		if a := ask(c.method, c.path, c.subject, c.headers...); a.status != c.status {
			t.Errorf("%s %s by %v: %d %s", c.method, c.path, c.subject, a.status, a.body)
		}
	}
}

// Whatever is answered, no browser shows it in a frame or takes it for what it is
// not.
func TestHeadersOnEveryAnswer(t *testing.T) {
	d := newDaemon(t, Options{PluginsDir: pluginsFolder(t)})
	d.server.Handle("GET", "/page", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), RouteDoc{})
	for _, path := range []string{"/", "/ping", "/nothing", "/processes", "/_plugin", "/_plugin/hello", "/_plugin/hello/", "/_plugin/none/", "/page", "/ping?token=x", "/openapi.json"} {
		h := d.get(path).header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func pluginsFolder(t *testing.T) string {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "hello", "_site"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hello", "_site", "index.html"), []byte("<p>hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Tokens are in no log, at any level.
func TestTokensAreNotLogged(t *testing.T) {
	var log lockedBuffer
	d := newDaemon(t, Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	secret := strings.TrimPrefix(d.token("admin", tokens.Admin)[1], "Bearer ")
	d.get("/processes?token=" + secret)
	d.do("POST", "/processes?token="+secret, createWeb)
	d.do("GET", "/nothing?token="+secret, "")
	d.do("POST", "/processes", "{", "X-Api-Key", secret)
	d.do("GET", "/ping", "", "Authorization", "Bearer "+secret+"x")
	d.want(200, "POST", "/tokens", `{"name": "b", "scope": "read"}`)
	if text := log.String(); strings.Contains(text, tokens.Prefix) || !strings.Contains(text, "POST /processes") {
		t.Errorf("%s", text)
	}
}

// Behind the program's own gate everybody is let in, and only there.
func TestEmbeddedServer(t *testing.T) {
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	for everyone, want := range map[bool]int{false: 401, true: 200} {
		s := New(m, Options{Access: Access{Everyone: everyone}, Logger: slog.New(slog.DiscardHandler)})
		r, err := http.NewRequest("GET", "http://localhost/processes", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.1:1234"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("everyone %v: %d %s", everyone, w.Code, w.Body.String())
		}
	}
	// A server of the program's own tells who is at the other end by ConnContext.
	s := New(m, Options{Logger: slog.New(slog.DiscardHandler)})
	path := filepath.Join(t.TempDir(), "s")
	for noted, want := range map[bool]int{false: 401, true: 200} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: s.Handler()}
		if noted {
			server.ConnContext = s.ConnContext
		}
		go server.Serve(l)
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /processes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if a := readResponse(t, conn); a.status != want {
			t.Errorf("ConnContext %v: %d %s", noted, a.status, a.body)
		}
		conn.Close()
		server.Close()
	}
}
