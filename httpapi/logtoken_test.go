package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func (d *daemon) logsURL(app string, headers ...string) string {
	d.t.Helper()
	a := d.do("GET", "/v1/apps/"+app+"/logs", "", headers...)
	body := decode[struct {
		App     struct{ Name string }
		LogsURL string `json:"logs_url"`
	}](d.t, a)
	if a.status != 200 || body.App.Name != app || !strings.HasPrefix(body.LogsURL, d.url+"/apps/"+app+"/logs?token=") {
		d.t.Fatalf("%d %s", a.status, a.body)
	}
	return body.LogsURL
}

// A client as the published ones are: it asks for the URL, appends to it, and
// connects with an origin and a bearer of its own.
func TestPublishedLogsClient(t *testing.T) {
	d := shop(t)
	bearer := []string{"Authorization", "Bearer of-another-platform"}
	logs := d.logsURL("shop", bearer...)

	// The published library takes the URL apart and sends all that it knows of.
	u, err := url.Parse(logs)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"token": {u.Query().Get("token")}, "timestamp": {u.Query().Get("timestamp")}, "n": {"3"}, "filter": {""}}
	text := d.do("GET", u.Path+"?"+query.Encode(), "", append(bearer, "Accept", "application/json", "Content-Type", "application/json")...)
	if got := dumped(t, text.body); lines(got...) != lines("[web-1] two", "[worker-1] oops", "[web-1] three") {
		t.Errorf("dump %q", text.body)
	}
	for line := range strings.Lines(text.body) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(fields) != 6 || fields[2] != "+0000" || fields[3] != "UTC" || fields[4][0] != '[' {
			t.Errorf("fields %q", fields)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.Replace(logs, "http", "ws", 1)+"&stream=true&n=1&filter=web|worker-2", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"http://scalingo-cli.local/1"}, "Authorization": {"Bearer of-another-platform"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a token opens CORS to %q", got)
	}
	var event struct {
		Event     string    `json:"event"`
		Log       string    `json:"log"`
		Timestamp time.Time `json:"timestamp"`
	}
	_, data, err := conn.Read(ctx)
	if err != nil || json.Unmarshal(data, &event) != nil || event.Event != "log" || !strings.HasSuffix(event.Log, "[web-1] three\n") || event.Timestamp.IsZero() {
		t.Errorf("%q, %v", data, err)
	}
	// Without the token its origin keeps it out.
	if _, resp, err := d.tryDial("/apps/shop/logs?stream=true", "Origin", "http://scalingo-cli.local/1"); err == nil || resp.StatusCode != 403 {
		t.Errorf("foreign and without a token: %v", err)
	}
}

func TestLogTokenRefusals(t *testing.T) {
	d := shop(t)
	d.server.gate.guesses = newGuesses(1000)
	good := strings.TrimPrefix(d.logsURL("shop"), d.url+"/apps/shop/logs?")
	foreign := []string{"Origin", "https://elsewhere.example"}
	tokens := d.server.gate.logs
	old := "token=" + tokens.issue("shop", "", time.Now().Add(-logTokenLife-time.Second))
	other := "token=" + newLogTokens(nil).issue("shop", "", time.Now())
	tampered := good[:len(good)-3] + "AAA"
	for _, c := range []struct {
		method, path string
		status       int
		code, reason string
	}{
		{"GET", "/apps/shop/logs?" + old, 401, "unauthorized", "expired"},
		{"GET", "/apps/shop/logs?" + other, 401, "unauthorized", "another server"},
		{"GET", "/apps/shop/logs?" + tampered, 401, "unauthorized", "changed"},
		{"GET", "/apps/shop/logs?token=", 401, "unauthorized", "gives out"},
		{"GET", "/apps/shop/logs?token=x", 401, "unauthorized", "gives out"},
		{"GET", "/apps/shop/logs?" + good + "&" + good, 401, "unauthorized", "2 of them"},
		{"GET", "/apps/silent/logs?" + good, 403, "forbidden", "/apps/shop/logs"},
		{"GET", "/processes?" + good, 403, "forbidden", "nothing else"},
		{"POST", "/processes?" + good, 403, "forbidden", "nothing else"},
		{"GET", "/v1/apps/shop/logs?" + good, 403, "forbidden", "nothing else"},
		{"GET", "/ping?token=x", 401, "unauthorized", "gives out"},
	} {
		for _, headers := range [][]string{nil, foreign} {
			a := d.do(c.method, c.path, "", headers...)
			if a.status != c.status || a.code(t) != c.code || !strings.Contains(a.body, c.reason) {
				t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
			}
		}
	}
	for _, headers := range [][]string{nil, foreign} {
		if a := d.do("GET", "/apps/shop/logs?"+good, "", headers...); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestLogTokens(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	tokens := newLogTokens([]byte("key"))
	token := tokens.issue("shop", "", now)
	if app, _, err := newLogTokens([]byte("key")).verify(token, now.Add(logTokenLife-time.Second)); app != "shop" || err != nil {
		t.Errorf("%q, %v", app, err)
	}
	if _, _, err := tokens.verify(token, now.Add(logTokenLife)); !errors.Is(err, errUnauthorized) {
		t.Errorf("expired: %v", err)
	}
	for i := range token { // no byte of it can be another
		for _, c := range []byte{'A', '-', 'z'} {
			if b := []byte(token); b[i] != c {
				b[i] = c
				if app, _, err := tokens.verify(string(b), now); err == nil {
					t.Errorf("byte %d is %c: good for %q", i, c, app)
				}
			}
		}
	}
}

func TestLogsURLFollowsTheConnection(t *testing.T) {
	d := shop(t)
	server := httptest.NewTLSServer(New(d.manager, Options{}).Handler())
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/v1/apps/shop/logs")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		LogsURL string `json:"logs_url"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || !strings.HasPrefix(body.LogsURL, server.URL+"/apps/shop/logs?token=") {
		t.Errorf("%+v, %v", body, err)
	}
	again, err := server.Client().Get(body.LogsURL)
	if err != nil {
		t.Fatal(err)
	}
	again.Body.Close()
	if again.StatusCode != 200 {
		t.Errorf("status %d", again.StatusCode)
	}
}
