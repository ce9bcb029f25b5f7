package httpapi

import (
	"strings"
	"testing"

	"github.com/gafferd/gaffer/httpapi/webhooks"
)

func TestWebhooks(t *testing.T) {
	hooks := webhooks.New(webhooks.Options{Hooks: []webhooks.Hook{{Event: "create", URL: "http://u:p@127.0.0.1:1/x"}}})
	d := newDaemon(t, Options{Webhooks: hooks})
	if err := d.manager.StartApps(hooks); err != nil {
		t.Fatal(err)
	}
	list := decode[[]webhooks.Status](t, d.get("/webhooks"))
	if len(list) != 1 || list[0].Source != "file" || list[0].URL != "http://hidden@127.0.0.1:1/x" || list[0].Deliveries == nil {
		t.Fatalf("the list is %+v", list)
	}
	if got := d.do("DELETE", "/webhooks/"+list[0].ID, ""); got.status != 409 || got.code(t) != "conflict" {
		t.Errorf("one of the file is deleted: %d %s", got.status, got.body)
	}
	for _, c := range []struct {
		body   string
		status int
		code   string
		reason string
	}{
		{``, 400, "invalid_json", `it is empty; send an object such as {"event": "exit"`},
		{`[]`, 400, "invalid_process_info", ""},
		{`{}`, 400, "invalid_process_info", `event: is missing; url: is missing; send {"event": "exit"`},
		{`{"event": "exit", "url": 1}`, 400, "invalid_process_info", "url: got 1, want a string"},
		{`{"event": "exit", "uri": "http://a/"}`, 400, "invalid_process_info", `uri: is not a known property, the nearest is "url"; url: is missing`},
		{`{"event": "exit", "url": "nowhere"}`, 400, "invalid_process_info", "write http://host/path"},
		{`{"event": "exits", "url": "http://a/"}`, 404, "bad_event_type", `the nearest is "exit"`},
		{`{"event": "5", "url": "http://a/"}`, 404, "bad_event_type", `no such event: "5": there is create, start, stop`},
		{`{"event": "create", "url": "http://u:p@127.0.0.1:1/x"}`, 409, "conflict", "already exists"},
	} {
		got := d.do("POST", "/webhooks", c.body)
		if code := got.code(t); got.status != c.status || code != c.code || !strings.Contains(strings.ReplaceAll(got.body, `\"`, `"`), c.reason) {
			t.Errorf("%s: %d %s, want %d %s and %q", c.body, got.status, got.body, c.status, c.code, c.reason)
		}
	}
	made := decode[struct {
		OK bool
		ID string
	}](t, d.want(200, "POST", "/webhooks", `{"event": "proc.a.b", "url": "http://127.0.0.1:1/", "secret": "s"}`))
	if one := decode[webhooks.Status](t, d.get("/webhooks/"+made.ID)); one.Source != "api" || !one.Signed || one.Event != "proc.a.b" {
		t.Errorf("it is %+v", one)
	}
	if got := d.want(200, "DELETE", "/webhooks/"+made.ID, ""); got.body != okBody {
		t.Errorf("DELETE: %s", got.body)
	}
	if got := d.do("GET", "/webhooks/"+made.ID, ""); got.status != 404 || got.code(t) != "not_found" {
		t.Errorf("after DELETE: %d %s", got.status, got.body)
	}
}

func TestNoWebhooks(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, c := range [][2]string{{"GET", "/webhooks"}, {"POST", "/webhooks"}, {"GET", "/webhooks/x"}, {"DELETE", "/webhooks/x"}} {
		if got := d.do(c[0], c[1], ""); got.status != 404 || got.code(t) != "resource_not_found" {
			t.Errorf("%s %s: %d %s", c[0], c[1], got.status, got.body)
		}
	}
}
