package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering makes gafferctl speak to a daemon that answers every request alike,
// and keeps what the last one was.
func answering(t *testing.T, status int, body string) (asked *string) {
	t.Helper()
	asked = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.Method + " " + r.URL.String()
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	t.Setenv("GAFFER_URL", s.URL)
	return asked
}

const reloadAnswer = `{"ok": true, "added": ["api"], "changed": ["web", "worker"], "removed": ["old"], "restarted": ["web"],
	"changes": {"web": [{"property": "cmd", "from": "./web -p 80", "to": "./web -p 81 2>&1"}, {"property": "env.TOKEN"}],
		"worker": [{"property": "numprocesses", "from": 1, "to": 3}, {"property": "flapping", "from": null, "to": {"attempts": 2}}]},
	"webhooks": {"added": [{"id": "wh-1", "event": "exit", "url": "https://hooks.example/…"}],
		"changed": [{"id": "wh-2", "event": ".", "url": "http://127.0.0.1:8000/"}], "removed": []},
	"needs_restart": ["state_dir"], "warnings": ["gaffer.ini:3: is odd"]}`

const reloadShown = `+ api
~ web (restarts)
    cmd: "./web -p 80" → "./web -p 81 2>&1"
    env.TOKEN
~ worker
    numprocesses: 1 → 3
    flapping: unset → {"attempts":2}
- old
+ webhook wh-1: exit to https://hooks.example/…
~ webhook wh-2: . to http://127.0.0.1:8000/: another secret
! state_dir is followed when gafferd is started again
! gaffer.ini:3: is odd
`

func TestReload(t *testing.T) {
	asked := answering(t, 200, reloadAnswer)
	for _, c := range []struct {
		args  []string
		asked string
		last  string
	}{
		{[]string{"reload", "--plan"}, "POST /_reload?plan=true", "1 to add, 2 to change (1 to restart), 1 to remove; webhooks: 1 to add, 1 to change, 0 to remove\n"},
		{[]string{"reload"}, "POST /_reload", "1 added, 2 changed (1 restarted), 1 removed; webhooks: 1 added, 1 changed, 0 removed\n"},
		{[]string{"reload", "--wait"}, "POST /_reload?wait=true", "1 added, 2 changed (1 restarted), 1 removed; webhooks: 1 added, 1 changed, 0 removed\n"},
	} {
		if got := must(t, c.args...); got != reloadShown+c.last || *asked != c.asked {
			t.Errorf("%v asked %q and printed\n%s", c.args, *asked, got)
		}
	}
	if got := must(t, "-o", "json", "reload"); !strings.HasPrefix(got, "{\n  \"added\": [\n    \"api\"\n  ],") {
		t.Errorf("as JSON: %s", got)
	}
}

func TestReloadOnTerminal(t *testing.T) {
	answering(t, 200, reloadAnswer)
	tt := onTerminal(t, "reload", "--plan")
	tt.until(t, "\x1b[32m+ api\x1b[0m")
	tt.until(t, "\x1b[33m~ web (restarts)\x1b[0m")
	tt.until(t, "\x1b[31m- old\x1b[0m")
	if _, code := tt.end(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestReloadOfNothing(t *testing.T) {
	answering(t, 200, `{"ok": true, "added": [], "changed": [], "removed": []}`)
	if got := must(t, "reload"); got != "no process changes\n" {
		t.Errorf("printed %q", got)
	}
	answering(t, 200, `{"ok": true, "webhooks": {"removed": [{"id": "wh-1", "event": "exit", "url": "http://a/"}]}}`)
	if got := must(t, "reload"); got != "- webhook wh-1: exit to http://a/\nno process changes; webhooks: 0 added, 0 changed, 1 removed\n" {
		t.Errorf("printed %q", got)
	}
}

func TestReloadRefused(t *testing.T) {
	answering(t, 400, `{"error": "invalid_configuration", "reason": "nothing was changed: a.ini:1: one; a.ini:2: two", "problems": ["a.ini:1: one", "a.ini:2: two"]}`)
	o := gafferctl(t, "", "reload")
	if want := "a.ini:1: one\na.ini:2: two\ngafferctl: nothing was changed: the configuration has 2 mistakes (invalid_configuration)\n"; o.code != exitFailed || o.stderr != want || o.stdout != "" {
		t.Errorf("exit code %d, printed %q, said\n%s", o.code, o.stdout, o.stderr)
	}
	answering(t, 409, `{"error": "conflict", "reason": "there is no file"}`)
	if o := gafferctl(t, "", "reload"); o.code != exitFailed || o.stderr != "gafferctl: there is no file (conflict)\n" {
		t.Errorf("exit code %d, said %q", o.code, o.stderr)
	}
}
