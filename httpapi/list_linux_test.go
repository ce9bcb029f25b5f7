package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// TestListShowsEachChange asks for the list all the time, so that there is always
// an answer that is kept, and compares it with what the processes say one by one.
func TestListShowsEachChange(t *testing.T) {
	d := newDaemon(t, Options{})
	d.create(child("web", "hang"))
	d.create(child("other", "hang"))
	reader := d.token("reader", tokens.Read)
	only := d.token("only", tokens.Read, "other")
	list := func(headers ...string) map[string]map[string]any {
		t.Helper()
		a := d.do("GET", "/processes?info=true", "", headers...)
		if fmt.Sprint(len(a.body)) != a.header.Get("Content-Length") {
			t.Errorf("%d bytes, Content-Length %s", len(a.body), a.header.Get("Content-Length"))
		}
		byName := map[string]map[string]any{}
		for _, o := range decode[[]map[string]any](t, a) {
			byName[o["name"].(string)] = o
		}
		return byName
	}
	for i, step := range []struct{ method, path, body string }{
		{"POST", "/processes/web/_scale/3?wait=true", ""},
		{"POST", "/processes/web/_restart?wait=true", ""},
		{"POST", "/processes/web/_stop?wait=true", ""},
		{"POST", "/processes/web/_start", ""},
		{"PUT", "/processes/other?wait=true", `{"cmd": "sleep 1000", "env": {"A": "b"}}`},
		{"POST", "/processes", `{"name": "bad", "cmd": "/nonexistent", "restart": "never"}`},
		{"DELETE", "/processes/web?wait=true", ""},
	} {
		before := list()
		d.want(200, step.method, step.path, step.body)
		now := list()
		if reflect.DeepEqual(before, now) {
			t.Errorf("%s %s: the list is the one before", step.method, step.path)
		}
		for name, o := range now {
			if name == "bad" {
				continue // what becomes of it takes its time
			}
			for property, want := range decode[map[string]any](t, d.get("/processes/"+name)) {
				if !reflect.DeepEqual(o[property], want) {
					t.Errorf("step %d: %s of %s is %v in the list, and %v", i, property, name, o[property], want)
				}
			}
		}
		if as := list(reader...); len(as) != len(now) || fmt.Sprint(as["other"]["env"]) == fmt.Sprint(now["other"]["env"]) {
			t.Errorf("step %d: a reader sees %v", i, as)
		}
		if as := list(only...); len(as) != 1 || as["other"] == nil {
			t.Errorf("step %d: one who may see only the other sees %v", i, as)
		}
	}
	eventually(t, "why it could not be started", func() bool { return list()["bad"]["last_error"] != nil })
}

// TestLongListIsWhole has more in it than one batch.
func TestLongListIsWhole(t *testing.T) {
	d := newDaemon(t, Options{})
	for i := range 100 {
		d.want(200, "POST", "/processes", fmt.Sprintf(`{"name": "p%d", "cmd": "true", "start": false, "args": ["%s"]}`, i, strings.Repeat("x", i*i*8)))
	}
	a := d.get("/processes?info=true")
	all := decode[[]map[string]any](t, a)
	if len(all) != 100 || len(a.body) < 10*batch {
		t.Fatalf("%d in %d bytes", len(all), len(a.body))
	}
	for i, o := range all {
		if args := o["args"].([]any)[0].(string); o["name"] != fmt.Sprint("p", i) || len(args) != i*i*8 {
			t.Errorf("process %d is %v with %d bytes of args", i, o["name"], len(args))
		}
	}
}

// What a token is not for is answered alike whether it is there or not.
func TestLimitedTokenDoesNotTellWhatIsThere(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("shop:db", "print", "text", "hello\n"))
	d.written(pid, "stdout", 6)
	limited := d.token("limited", tokens.Read, "shop:web", "none:web")
	for _, c := range []struct {
		there, absent string
		status        int
	}{
		{"/apps/shop/logs", "/apps/none/logs", 404},
		{"/apps/shop/logs?stream=true", "/apps/none/logs?stream=true", 404},
		{"/v1/apps/shop/logs", "/v1/apps/none/logs", 404},
		{"/groups/shop", "/groups/none", 404},
		{fmt.Sprint("/processes/", pid), fmt.Sprint("/processes/", pid+1), 403},
		{fmt.Sprintf("/streams/%d/stdout", pid), fmt.Sprintf("/streams/%d/stdout", pid+1), 403},
	} {
		there, absent := d.do("GET", c.there, "", limited...), d.do("GET", c.absent, "", limited...)
		if there.status != c.status || absent.status != c.status || there.body != strings.ReplaceAll(absent.body, `\"none\"`, `\"shop\"`) {
			t.Errorf("%s: %d %s and %d %s, want %d both", c.there, there.status, there.body, absent.status, absent.body, c.status)
		}
	}
	d.create(map[string]any{"name": "shop:web", "cmd": "true", "start": false})
	if a := d.do("GET", "/apps/shop/logs", "", limited...); a.status != 204 {
		t.Errorf("of one that has written nothing: %d %s", a.status, a.body)
	}
	all := d.token("all", tokens.Read, "*")
	if a := d.do("GET", fmt.Sprint("/processes/", pid+1), "", all...); a.status != 404 {
		t.Errorf("for whom any could be: %d %s", a.status, a.body)
	}
}
