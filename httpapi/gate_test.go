package httpapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// readResponse reads one answer from a connection.
func readResponse(t *testing.T, conn net.Conn) answered {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

func TestHostRule(t *testing.T) {
	d := newDaemon(t, Options{AllowHosts: []string{"Build.Example"}})
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:5000": true, "LOCALHOST": true, "127.0.0.1": true, "127.0.0.1:1": true,
		"[::1]": true, "[::1]:5000": true, "192.0.2.7:80": true, "build.example": true, "BUILD.example:99": true,
		"": false, "0.0.0.0": false, "0.0.0.0:5000": false, "[::]": false, "[::]:80": false, "[::ffff:0.0.0.0]": false,
		"[::%lo]": false, "[::%25lo]:80": false, "[::ffff:0.0.0.0%lo]": false,
		"evil.example": false, "localhost.evil.example": false, "evil.localhost": false, "localhost.": false,
		"127.1": false, "0x7f.1": false, "0": false, "localhost:": true, "localhost:x": false, "::1": false, "[::1": false,
		"[localhost]": false, "build.example.": false, "a@localhost": false,
	} {
		conn := d.raw("GET /ping HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		a := readResponse(t, conn)
		switch {
		case ok && a.status != 200:
			t.Errorf("Host %q: %d %s", host, a.status, a.body)
		case !ok && a.status == 400 && !strings.HasPrefix(a.body, "{"):
			// net/http has refused it before us
		case !ok && (a.status != 403 || a.code(t) != "bad_host"):
			t.Errorf("Host %q: %d %s, want 403 bad_host", host, a.status, a.body)
		}
	}
	old := d.raw("GET /ping HTTP/1.0\r\n\r\n")
	if a := readResponse(t, old); a.status != 403 {
		t.Errorf("no Host: %d", a.status)
	}
	local := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.unix)
		},
	}}
	resp, err := local.Get("http://whatever/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("on a unix socket Host means nothing, got %d", resp.StatusCode)
	}
}

func TestOriginRule(t *testing.T) {
	const friend = "https://console.example"
	d := newDaemon(t, Options{AllowOrigins: []string{friend + "/"}})
	own := d.url
	for _, c := range []struct {
		name    string
		headers []string
		ok      bool
		cors    string
	}{
		{"no origin", nil, true, ""},
		{"own", []string{"Origin", own}, true, own},
		{"own, by fetch", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, true, own},
		{"typed in", []string{"Sec-Fetch-Site", "none"}, true, ""},
		{"friend", []string{"Origin", friend, "Sec-Fetch-Site", "cross-site"}, true, friend},
		{"other port", []string{"Origin", "http://127.0.0.1:1"}, false, ""},
		{"other scheme", []string{"Origin", strings.Replace(own, "http:", "https:", 1)}, false, ""},
		{"other host", []string{"Origin", "http://evil.example"}, false, ""},
		{"prefix", []string{"Origin", own + ".evil.example"}, false, ""},
		{"null", []string{"Origin", "null"}, false, ""},
		{"empty", []string{"Origin", ""}, false, ""},
		{"two", []string{"Origin", own, "Origin", "http://evil.example"}, false, ""},
		{"image", []string{"Sec-Fetch-Site", "cross-site"}, false, ""},
		{"neighbour", []string{"Sec-Fetch-Site", "same-site"}, false, ""},
		{"own, but not", []string{"Origin", own, "Sec-Fetch-Site", "cross-site"}, false, ""},
		{"bearer", []string{"Origin", "http://evil.example", "Authorization", "Bearer x"}, false, ""},
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH"} {
			a := d.do(method, "/processes", "", c.headers...)
			switch {
			case c.ok && a.status == 403, !c.ok && a.status != 403:
				t.Errorf("%s %s: %d %s", c.name, method, a.status, a.body)
			case !c.ok && method != "HEAD" && a.code(t) != "cross_origin":
				t.Errorf("%s %s: %s", c.name, method, a.body)
			}
			exposed := a.header.Get("Access-Control-Expose-Headers")
			for _, name := range []string{"Gaffer-Offset", "Gaffer-Seq", "Retry-After"} {
				if c.cors != "" && !strings.Contains(exposed, name) {
					t.Errorf("%s %s: %s is not exposed: %q", c.name, method, name, exposed)
				}
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got != c.cors {
				t.Errorf("%s %s: Access-Control-Allow-Origin: %q, want %q", c.name, method, got, c.cors)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	const friend = "https://console.example"
	d := newDaemon(t, Options{AllowOrigins: []string{friend}})
	ask := func(origin string) answered {
		return d.do("OPTIONS", "/processes", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	}
	a := ask(friend)
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != friend ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
		a.header.Get("Access-Control-Allow-Headers") != "content-type" || a.header.Get("Vary") != "Origin" {
		t.Errorf("friend: %d %v", a.status, a.header)
	}
	a = ask("http://evil.example")
	if a.status != 204 || a.header.Get("Allow") == "" {
		t.Errorf("foreign: %d %v", a.status, a.header)
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("foreign preflight got %s", name)
		}
	}
}

// A browser shows a token as a password, once it has been asked for one.
func TestTokenAsPassword(t *testing.T) {
	d := newDaemon(t, Options{PluginsDir: "../examples/plugins"})
	secret, err := d.server.gate.Tokens.Add(tokens.Token{Name: "reader", Scope: tokens.Read})
	if err != nil {
		t.Fatal(err)
	}
	d.server.gate.RequireToken = true
	as := func(user, password string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
	}
	for _, c := range []struct {
		name    string
		path    string
		headers []string
		status  int
		asked   bool
	}{
		{"nothing shown", "/_plugin/status/", nil, 401, true},
		{"no password", "/_plugin/status/", as("me", ""), 401, true},
		{"a wrong one", "/_plugin/status/", as("me", "gaffer_x"), 401, true},
		{"the token as the name", "/_plugin/status/", as(secret, ""), 401, true},
		{"no base64", "/_plugin/status/", []string{"Authorization", "Basic %%%"}, 401, true},
		{"the token", "/_plugin/status/", as("me", secret), 200, false},
		{"the token, nameless", "/_plugin/status/app.js", as("", secret), 200, false},
		{"in lower case", "/processes", []string{"Authorization", "basic " + base64.StdEncoding.EncodeToString([]byte("x:"+secret))}, 200, false},
		{"beyond its scope", "/tokens", as("me", secret), 403, false},
		{"a wrong one in the URL", "/processes?token=gaffer_x", as("me", secret), 401, false},
		{"a wrong bearer's", "/processes", []string{"Authorization", "Bearer gaffer_x"}, 401, false},
		{"another site's", "/processes", append(as("me", secret), "Origin", "http://evil.example"), 403, false},
		{"another site's image", "/processes", append(as("me", secret), "Sec-Fetch-Site", "cross-site"), 403, false},
		{"another port's", "/processes", append(as("me", secret), "Sec-Fetch-Site", "same-site"), 403, false},
		{"own", "/processes", append(as("me", secret), "Origin", d.url, "Sec-Fetch-Site", "same-origin"), 200, false},
	} {
		a := d.do("GET", c.path, "", c.headers...)
		asked := slices.ContainsFunc(a.header.Values("WWW-Authenticate"), func(s string) bool { return strings.HasPrefix(s, "Basic ") })
		if a.status != c.status || asked != c.asked {
			t.Errorf("%s: %d, asked for a password: %v; want %d, %v\n%s", c.name, a.status, asked, c.status, c.asked, a.body)
		}
	}
}

// Where no token means anything nobody is asked for one, and what a browser has
// for another server of this address is passed over.
func TestPasswordWithoutTokens(t *testing.T) {
	d := newDaemon(t, Options{})
	if a := d.do("GET", "/processes", "", "Authorization", "Basic eDp5"); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := d.do("GET", "/processes", "", "Authorization", "Basic eDp5", "X-Forwarded-For", "192.0.2.1"); a.status != 401 || len(a.header.Values("WWW-Authenticate")) != 1 {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestTokenInURL(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, path := range []string{"/ping?token=x", "/ping?token=", "/ping?token", "/nothing?a=b&token=x", "/watch?%74oken=x", "/ping?token=x&%zz"} {
		if a := d.get(path); a.status != 401 || a.code(t) != "unauthorized" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := d.get("/ping?%zz=1&x=y"); a.status != 400 || a.code(t) != "bad_value" {
		t.Errorf("a query that may hide a token: %d %s", a.status, a.body)
	}
	if a := d.do("GET", "/ping?unknown=1", "", "Authorization", "Bearer nobody"); a.status != 200 {
		t.Errorf("an unknown bearer changes nothing, got %d", a.status)
	}
}
