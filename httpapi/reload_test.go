package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
)

func TestReload(t *testing.T) {
	var d *daemon
	var next []manager.Template
	var trouble error
	hooks := webhooks.Plan{Changed: []webhooks.Planned{{ID: "wh-1", Event: "exit", URL: "http://a/…"}}}
	d = newDaemon(t, Options{Reload: func(_ context.Context, planOnly bool) (Reloaded, error) {
		done := Reloaded{Webhooks: hooks, NeedsRestart: []string{"state_dir"}, Warnings: []string{"a.ini:1: is odd"}}
		if trouble != nil {
			return Reloaded{}, trouble
		}
		var err error
		if planOnly {
			done.Plan, err = d.manager.Plan(next)
		} else {
			done.Plan, done.Operation, err = d.manager.Apply(next)
		}
		return done, err
	}})
	template := func(name string, more ...any) manager.Template {
		description := child(name, "hang", more...)
		parsed, err := manager.ParseTemplate(description)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	old, web := template("old"), template("web")
	if _, err := d.manager.Load([]manager.Template{old, web}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "web"} {
		d.want(200, "POST", "/processes/"+name+"/_start?wait=true", "")
	}
	web.NumProcesses, web.StopSignal = 2, syscall.SIGKILL
	web.Env["SECRET"] = "hush"
	next = []manager.Template{web, template("new")}

	want := `{"ok":true,"added":["new"],"changed":["web"],"removed":["old"],"restarted":["web"],` +
		`"changes":{"web":[{"property":"env.SECRET"},{"property":"numprocesses","from":1,"to":2},{"property":"stop_signal","from":"TERM","to":"KILL"}]},` +
		`"webhooks":{"added":[],"changed":[{"id":"wh-1","event":"exit","url":"http://a/…"}],"removed":[]},` +
		`"needs_restart":["state_dir"],"warnings":["a.ini:1: is odd"]}` + "\n"
	if got := d.want(200, "POST", "/_reload?plan=true", ""); got.body != want {
		t.Errorf("plan:\n got %s\nwant %s", got.body, want)
	}
	if got := d.want(200, "GET", "/processes", ""); got.body != `["old","web"]`+"\n" {
		t.Errorf("after a plan there are %s", got.body)
	}
	if got := d.want(200, "POST", "/_reload?wait=true", ""); got.body != want {
		t.Errorf("reload:\n got %s\nwant %s", got.body, want)
	}
	if got := d.want(200, "GET", "/processes?running=true", ""); strings.Count(got.body, ",") != 2 {
		t.Errorf("running: %s", got.body)
	}
	hooks = webhooks.Plan{}
	want = `{"ok":true,"added":[],"changed":[],"removed":[],"restarted":[],"changes":{},"webhooks":{"added":[],"changed":[],"removed":[]},` +
		`"needs_restart":["state_dir"],"warnings":["a.ini:1: is odd"]}` + "\n"
	if got := d.want(200, "POST", "/_reload", ""); got.body != want {
		t.Errorf("again:\n got %s\nwant %s", got.body, want)
	}

	trouble = &ConfigurationError{errors.Join(errors.New("a.ini:1: one"), errors.New("a.ini:2: two"))}
	want = `{"error":"invalid_configuration","reason":"nothing was changed: a.ini:1: one; a.ini:2: two","problems":["a.ini:1: one","a.ini:2: two"]}` + "\n"
	if got := d.want(400, "POST", "/_reload", ""); got.body != want {
		t.Errorf("invalid:\n got %s\nwant %s", got.body, want)
	}
	trouble = nil
	d.want(200, "POST", "/processes", `{"name": "taken", "cmd": "sleep 1000"}`)
	next = append(next, template("taken"))
	if got := d.want(409, "POST", "/_reload", ""); got.code(t) != "conflict" || !strings.Contains(got.body, `made over the API`) {
		t.Errorf("taken: %s", got.body)
	}
	d.want(400, "POST", "/_reload?plan=perhaps", "")
	trouble = fmt.Errorf("closing: %w", manager.ErrClosed)
	if got := d.want(503, "POST", "/_reload", ""); strings.Contains(got.body, "problems") {
		t.Errorf("stopping: %s", got.body)
	}
}

func TestReloadWithoutConfiguration(t *testing.T) {
	d := newDaemon(t, Options{})
	if got := d.want(409, "POST", "/_reload", ""); got.code(t) != "conflict" || !strings.Contains(got.body, `"reason":"the daemon was started without a configuration file`) {
		t.Errorf("%s", got.body)
	}
}
