package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// run starts a child once.
func (d *daemon) run(description map[string]any) answered {
	d.t.Helper()
	delete(description, "name")
	body, err := json.Marshal(description)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.do("POST", "/run", string(body))
}

type ran struct {
	OK      bool
	Name    string
	PID     int
	Streams []string
}

func TestRun(t *testing.T) {
	d := newDaemon(t, Options{})
	r := decode[ran](t, d.run(child("", "puppet", "redirect_input", true)))
	if !r.OK || !strings.HasPrefix(r.Name, "run-") || r.PID == 0 || lines(r.Streams...) != lines("stdout", "stderr") {
		t.Fatalf("%+v", r)
	}
	for _, path := range []string{"/processes?info=true", "/status/" + r.Name} {
		if got := d.get(path).body; strings.Count(got, `"once":true`) != 1 {
			t.Errorf("%s does not tell that it is run once: %s", path, got)
		}
	}
	feed := d.open(fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", r.PID))
	d.want(200, "POST", fmt.Sprintf("/streams/%d/stdin", r.PID), "out \"hello\"\nexit 7\n")
	out, err := io.ReadAll(feed.Body)
	if err != nil || string(out) != "hello" {
		t.Errorf("%q, %v", out, err)
	}
	d.get("/watch/proc/" + r.Name + "/exit?since=0")
	exits := decode[[]struct {
		PID        int
		ExitStatus int `json:"exit_status"`
	}](t, d.get("/processes/"+r.Name+"/_exits"))
	if len(exits) != 1 || exits[0].PID != r.PID || exits[0].ExitStatus != 7 {
		t.Errorf("%+v", exits)
	}
	if got := dumped(t, d.get("/apps/"+r.Name+"/logs").body); len(got) != 1 || !strings.HasSuffix(got[0], "-1] hello") {
		t.Errorf("logs %q", got)
	}
	d.want(200, "DELETE", "/processes/"+r.Name+"?wait=true", "")
	d.want(404, "GET", "/processes/"+r.Name+"/_exits", "")
}

// All of a flood is there for a reader who comes when it has begun.
func TestRunIsLossless(t *testing.T) {
	d := newDaemon(t, Options{})
	r := decode[ran](t, d.run(map[string]any{"cmd": "head -c 50000000 /dev/zero"}))
	feed := d.open(fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", r.PID))
	if n, err := io.Copy(io.Discard, feed.Body); err != nil || n != 50_000_000 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestRunIsStopped(t *testing.T) {
	d := newDaemon(t, Options{})
	r := decode[ran](t, d.run(child("", "hang")))
	d.want(200, "DELETE", "/processes/"+r.Name+"?wait=true", "")
	d.want(404, "GET", fmt.Sprintf("/processes/%d", r.PID), "")
}

func TestRunRefusals(t *testing.T) {
	d := newDaemon(t, Options{})
	for body, want := range map[string]struct {
		status int
		code   string
		reason string
	}{
		`{"cmd": "true", "name": "web"}`:       {400, "invalid_process_info", "name"},
		`{"cmd": "true", "numprocesses": 2}`:   {400, "invalid_process_info", "numprocesses"},
		`{"cmd": "true", "restart": "always"}`: {400, "invalid_process_info", "restart"},
		`{"cmd": "true", "start": false}`:      {400, "invalid_process_info", "start"},
		`{"cmd": "true", "detach": true}`:      {400, "invalid_process_info", "detach"},
		`{"cmd": "true", "flapping": {"attempts": 2, "window": 1, "retry_in": 7, "max_retry": 5}}`: {400, "invalid_process_info", "flapping"},
		`{"cmd": "true", "nmae": 2}`:        {400, "invalid_process_info", "nmae"},
		`{}`:                                {400, "invalid_process_info", "cmd"},
		`{`:                                 {400, "invalid_json", "line"},
		`{"cmd": "/no/such/program --now"}`: {409, "conflict", `"could not be started: /no/such/program: no such file or directory"`},
	} {
		a := d.do("POST", "/run", body)
		if a.status != want.status || a.code(t) != want.code || !strings.Contains(a.body, want.reason) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := d.do("POST", "/run", `{"cmd": "true", "numprocesses": 1, "restart": "never", "start": true}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
