package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestLifeOfAProcess(t *testing.T) {
	d := newDaemon(t, Options{})
	if a := d.get("/processes"); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("no processes: %s", a.body)
	}
	body, err := json.Marshal(child("shop:web", "hang", "args", "a 'b c'"))
	if err != nil {
		t.Fatal(err)
	}
	// As curl -d sends it.
	if a := d.do("POST", "/processes?wait=true", string(body), "Content-Type", "application/x-www-form-urlencoded"); a.body != okBody {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	if a := d.do("POST", "/processes", string(body)); a.status != 409 || a.code(t) != "conflict" {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if got := decode[[]string](t, d.get("/processes")); !reflect.DeepEqual(got, []string{"shop:web"}) {
		t.Errorf("processes: %v", got)
	}
	if got := decode[[]int](t, d.get("/processes?running=1")); !reflect.DeepEqual(got, []int{1}) {
		t.Errorf("running: %v", got)
	}
	if got := d.get("/processes/shop:web/_pids").body; got != `{"ok":true,"pids":[1]}`+"\n" {
		t.Errorf("pids: %s", got)
	}
	d.want(200, "HEAD", "/processes/shop:web", "")
	d.want(404, "HEAD", "/processes/other", "")
	shown := decode[map[string]any](t, d.get("/processes/shop:web"))
	if shown["args"] != "a 'b c'" || shown["cmd"] != os.Args[0] || shown["numprocesses"] != 1.0 || shown["os_env"] != true {
		t.Errorf("shown: %v", shown)
	}
	info := decode[[]map[string]any](t, d.get("/processes?info=true"))
	if len(info) != 1 || info[0]["state"] != "running" || info[0]["running"] != 1.0 || !reflect.DeepEqual(info[0]["pids"], []any{1.0}) {
		t.Errorf("info: %v", info)
	}
	one := decode[map[string]any](t, d.want(200, "GET", "/processes/1", ""))
	for _, key := range []string{"name", "cmd", "pid", "os_pid", "state", "started_at", "streams"} {
		if one[key] == nil {
			t.Errorf("/processes/1 has no %s: %v", key, one)
		}
	}
	if a := d.want(200, "POST", "/processes/shop:web/_add/2?wait=true", ""); !strings.Contains(a.body, `"numprocesses":3`) {
		t.Errorf("add: %s", a.body)
	}
	if a := d.want(200, "POST", "/processes/shop:web/_sub", ""); !strings.Contains(a.body, `"numprocesses":2`) {
		t.Errorf("sub: %s", a.body)
	}
	if a := d.want(200, "POST", "/processes/shop:web/_sub/99?wait=5", ""); !strings.Contains(a.body, `"numprocesses":0`) {
		t.Errorf("sub: %s", a.body)
	}
	if a := d.want(200, "POST", "/processes/shop:web/_scale/2?wait=true", "{}"); !strings.Contains(a.body, `"numprocesses":2`) {
		t.Errorf("scale: %s", a.body)
	}
	status := decode[map[string]any](t, d.get("/status/shop:web"))
	if status["active"] != true || status["running"] != 2.0 || status["numprocesses"] != 2.0 || status["max_processes"] != 2.0 {
		t.Errorf("status: %v", status)
	}
	pids := decode[[]map[string]any](t, d.get("/pids"))
	if len(pids) != 2 || pids[0]["name"] != "shop:web" || pids[0]["os_pid"] == nil {
		t.Errorf("pids: %v", pids)
	}
	pid := int(pids[0]["pid"].(float64))
	if a := d.do("DELETE", fmt.Sprintf("/processes/%d?wait=true", pid), ""); a.body != okBody {
		t.Errorf("stop pid: %d %s", a.status, a.body)
	}
	if a := d.get(fmt.Sprintf("/processes/%d", pid)); a.status != 404 || a.code(t) != "not_found" {
		t.Errorf("a pid that is gone: %d %s", a.status, a.body)
	}
	d.want(200, "POST", "/processes/shop:web/_stop?wait=true", "")
	if got := decode[[]int](t, d.get("/processes?running=true")); len(got) != 0 {
		t.Errorf("running after stop: %v", got)
	}
	exits := decode[[]map[string]any](t, d.get("/processes/shop:web/_exits"))
	if len(exits) < 3 {
		t.Fatalf("exits: %v", exits)
	}
	for _, key := range []string{"pid", "os_pid", "started_at", "ended_at", "exit_status", "term_signal", "reason", "next_retry_at", "stderr"} {
		if _, ok := exits[0][key]; !ok {
			t.Errorf("exit has no %s: %v", key, exits[0])
		}
	}
	d.want(200, "POST", "/processes/shop:web/_start?wait=true", "")
	d.want(200, "POST", "/processes/shop:web/_restart?wait=true", "")
	if got := decode[[]string](t, d.get("/groups")); !reflect.DeepEqual(got, []string{"shop"}) {
		t.Errorf("groups: %v", got)
	}
	if got := decode[[]string](t, d.get("/groups/shop")); !reflect.DeepEqual(got, []string{"shop:web"}) {
		t.Errorf("group: %v", got)
	}
	for _, verb := range []string{"_stop", "_start", "_restart"} {
		d.want(200, "POST", "/groups/shop/"+verb+"?wait=true", "")
	}
	d.want(404, "GET", "/groups/none", "")
	d.want(200, "DELETE", "/groups/shop?wait=true", "")
	d.want(404, "GET", "/processes/shop:web", "")
}

func TestUpdate(t *testing.T) {
	d := newDaemon(t, Options{})
	before := d.create(child("web", "hang"))
	changed := child("web", "hang", "text", "other")
	delete(changed, "name")
	body, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	if a := d.do("PUT", "/processes/web?wait=true", string(body)); a.body != okBody {
		t.Fatalf("%d %s", a.status, a.body)
	}
	pids := decode[[]int](t, d.get("/processes?running=true"))
	if len(pids) != 1 || pids[0] == before {
		t.Errorf("pids %v, want one other than %d", pids, before)
	}
	for _, c := range []struct{ path, body, code string }{
		{"/processes/none", string(body), "not_found"},
		{"/processes/web", `{"name": "other", "cmd": "x"}`, "invalid_process_info"},
		{"/processes/web", `{"name": "web"}`, "invalid_process_info"},
		{"/processes/web", `{`, "invalid_json"},
	} {
		if a := d.do("PUT", c.path, c.body); a.code(t) != c.code {
			t.Errorf("PUT %s %s: %d %s, want %s", c.path, c.body, a.status, a.body, c.code)
		}
	}
}

// badRequests are what must be refused, and change nothing.
var badRequests = []struct {
	method, path, body string
	status             int
	code, says         string
}{
	{"POST", "/processes", ``, 400, "invalid_json", "empty"},
	{"POST", "/processes", `{"name": "x", "cmd": `, 400, "invalid_json", "unexpected end"},
	{"POST", "/processes", `{"name": "x", "cmd": "y"} z`, 400, "invalid_json", "after top-level"},
	{"POST", "/processes", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), 400, "invalid_json", "nested"},
	{"POST", "/processes", `[]`, 400, "invalid_process_info", "object"},
	{"POST", "/processes", `{"name": "x"}`, 400, "invalid_process_info", "cmd"},
	{"POST", "/processes", `{"cmd": "x"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "numproceses": 2}`, 400, "invalid_process_info", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": 3}`, 400, "invalid_process_info", "a string"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "shell": "yes"}`, 400, "invalid_process_info", "true or false"},
	{"POST", "/processes", `{"name": "a/b", "cmd": "y"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "..", "cmd": "y"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "a\u0000b", "cmd": "y"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "12", "cmd": "y"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "numprocesses": -1}`, 400, "bad_value", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "numprocesses": 100000000000000000000}`, 400, "bad_value", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "numprocesses": 10001}`, 400, "bad_value", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "y", "essential": 5}`, 400, "invalid_process_info", "essential"},
	{"POST", "/processes?wait=soon", `{"name": "x", "cmd": "y"}`, 400, "bad_value", "wait"},
	{"POST", "/processes?wait=-1", `{"name": "x", "cmd": "y"}`, 400, "bad_value", "wait"},
	{"GET", "/processes?running=perhaps", ``, 400, "bad_value", "running"},
	{"POST", "/processes/web/_add/-1", ``, 400, "bad_value", "-1"},
	{"POST", "/processes/web/_add/many", ``, 400, "bad_value", "many"},
	{"POST", "/processes/web/_add/99999999999999999999", ``, 400, "bad_value", "99999"},
	{"POST", "/processes/web/_scale/10001", ``, 400, "bad_value", "10000"},
	{"POST", "/processes/none/_start", ``, 404, "not_found", "none"},
	{"POST", "/processes/none/_add", ``, 404, "not_found", "none"},
	{"DELETE", "/processes/none", ``, 404, "not_found", "none"},
	{"DELETE", "/processes/99", ``, 404, "not_found", "99"},
	{"GET", "/processes/99999999999999999999999", ``, 404, "not_found", "99999"},
	{"GET", "/processes/a%00b", ``, 404, "not_found", ""},
	{"GET", "/processes/a%2Fb", ``, 404, "not_found", ""},
	{"POST", "/processes/web/_signal/SIGNOPE", ``, 400, "no_signal_number", "SIGNOPE"},
	{"POST", "/processes/web/_signal/999", ``, 400, "no_signal_number", "999"},
	{"POST", "/processes/1/_signal/-9", ``, 400, "no_signal_number", "-9"},
	{"POST", "/processes/99/_signal/9", ``, 404, "not_found", "99"},
	{"GET", "/watch/web/exit", ``, 404, "bad_event_type", "proc/NAME/EVENT"},
	{"GET", "/streams/1/stdlog", ``, 404, "io_not_found", "it has stdout, stderr"},
	{"GET", "/status/none", ``, 404, "not_found", "none"},
	{"GET", "/stats/none", ``, 404, "not_found", "none"},
	{"GET", "/stats/web/99", ``, 404, "not_found", "99"},
	{"GET", "/stats/web?feed=longpoll", ``, 400, "bad_feed", "longpoll"},
	{"GET", "/stats/web?feed=continuous&interval=0.01", ``, 400, "bad_value", "interval"},
	{"GET", "/streams/1/stdout?feed=carrier-pigeon", ``, 400, "bad_feed", "carrier-pigeon"},
	{"GET", "/streams/1/nope", ``, 404, "io_not_found", "nope"},
	{"GET", "/streams/99/stdout", ``, 404, "not_found", "99"},
	{"GET", "/streams/web/stdout", ``, 404, "resource_not_found", ""},
	{"GET", "/streams/1/stdout?since=-5", ``, 400, "bad_value", "since"},
	{"GET", "/streams/1/stdout?tail=x", ``, 400, "bad_value", "tail"},
	{"GET", "/streams/1/stdout?limit=0", ``, 400, "bad_value", "limit"},
	{"GET", "/streams/1/stdout?feed=eventsource&encoding=rot13", ``, 400, "bad_value", "rot13"},
	{"GET", "/streams/1/stdout?feed=continuous&heartbeat=-1", ``, 400, "bad_value", "heartbeat"},
	{"POST", "/streams/1/stdin", `x`, 403, "forbidden_write", "redirect_input"},
	{"POST", "/streams/1/stdout", `x`, 403, "forbidden_write", "stdout"},
	{"POST", "/streams/1/nope", `x`, 404, "io_not_found", "nope"},
	{"POST", "/streams/99/stdin", `x`, 404, "not_found", "99"},
	{"POST", "/streams/1/stdin?at=-1", `x`, 400, "bad_value", "at"},
	{"GET", "/watch?feed=fax", ``, 400, "bad_feed", "\\\"fax\\\"; the feeds are longpoll, continuous, eventsource"},
	{"GET", "/watch/explode", ``, 404, "bad_event_type", "explode"},
	{"GET", "/watch/proc/web/explode", ``, 404, "bad_event_type", "explode"},
	{"GET", "/watch?since=x", ``, 400, "bad_value", "since"},
	{"GET", "/wstreams/1", ``, 403, "forbidden_write", "redirect_input"},
	{"GET", "/wstreams/1?readonly=true", ``, 400, "bad_value", "websocket"},
	{"GET", "/wstreams/99", ``, 404, "not_found", "99"},
	{"TRACE", "/processes", ``, 405, "method_not_allowed", "TRACE"},
	{"BREW", "/processes/web", ``, 405, "method_not_allowed", "BREW"},
}

func TestBadInput(t *testing.T) {
	d := newDaemon(t, Options{})
	d.create(child("web", "hang"))
	before := d.manager.Events().Last()
	for _, c := range badRequests {
		a := d.do(c.method, c.path, c.body)
		if a.status != c.status || a.code(t) != c.code || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s %.60s: %d %s, want %d %s with %q", c.method, c.path, c.body, a.status, a.body, c.status, c.code, c.says)
		}
		if len(a.body) > 4096 {
			t.Errorf("%s %s: an answer of %d bytes", c.method, c.path, len(a.body))
		}
	}
	for contentType, status := range map[string]int{
		"application/json": 400, "application/json; charset=UTF-8": 400, "application/x-www-form-urlencoded": 400, "": 400,
		"text/plain": 415, "multipart/form-data; boundary=x": 415, "application/json; charset=latin1": 415, "nonsense": 415,
	} {
		a := d.do("POST", "/processes", "{", "Content-Type", contentType)
		if a.status != status {
			t.Errorf("Content-Type %q: %d %s, want %d", contentType, a.status, a.body, status)
		}
	}
	for coding, status := range map[string]int{"gzip": 415, "deflate, gzip": 415, "identity": 400, "": 400} {
		a := d.do("POST", "/processes", "{", "Content-Encoding", coding)
		if a.status != status {
			t.Errorf("Content-Encoding %q: %d %s, want %d", coding, a.status, a.body, status)
		}
	}
	if now := d.manager.Events().Last(); now != before {
		t.Errorf("%d events came of requests that were refused", now-before)
	}
	if names := d.manager.Names(); !reflect.DeepEqual(names, []string{"web"}) {
		t.Errorf("there are %v", names)
	}
}

func TestHugeBody(t *testing.T) {
	d := newDaemon(t, Options{})
	huge := `{"name": "x", "cmd": "` + strings.Repeat("y", 100<<20) + `"}`
	for _, contentLength := range []int64{0, -1} {
		r, err := http.NewRequest("POST", d.url+"/processes", strings.NewReader(huge))
		if err != nil {
			t.Fatal(err)
		}
		if contentLength < 0 {
			r.ContentLength = -1
		}
		resp, err := d.client.Do(r)
		if err != nil {
			t.Fatalf("the client does not see the answer: %v", err)
		}
		resp.Body.Close()
		if resp.StatusCode != 413 {
			t.Errorf("%d, want 413", resp.StatusCode)
		}
	}
	if a := d.do("POST", "/processes/none/_start", huge); a.status != 413 {
		t.Errorf("where no body is wanted: %d", a.status)
	}
}

func TestCommandThatCannotRun(t *testing.T) {
	d := newDaemon(t, Options{})
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, cmd := range map[string]string{"missing": "/no/such/program", "plain": plain} {
		body := fmt.Sprintf(`{"name": %q, "cmd": %q, "restart": "never"}`, name, cmd)
		a := d.do("POST", "/processes?wait=true", body)
		if a.status != 409 || a.code(t) != "conflict" || !strings.Contains(a.body, cmd) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		d.want(200, "GET", "/processes/"+name, "")
		if a := d.get("/status/" + name); !strings.Contains(a.body, cmd) {
			t.Errorf("status does not say why: %s", a.body)
		}
		if a := d.get("/processes/" + name + "/_exits"); !strings.Contains(a.body, cmd) {
			t.Errorf("_exits does not say why: %s", a.body)
		}
		if a := d.get("/watch/proc/" + name + "/exit?since=0"); !strings.Contains(a.body, cmd) {
			t.Errorf("the event does not say why: %s", a.body)
		}
	}
	d.want(200, "POST", "/processes", `{"name": "later", "cmd": "/no/such/program", "restart": "never"}`)
}

// What could not be started is named once, also where it is one of many.
func TestWhyNotStarted(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, name := range []string{"g:a", "g:b"} {
		d.want(200, "POST", "/processes", fmt.Sprintf(`{"name": %q, "cmd": "./gone", "restart": "never", "start": false}`, name))
	}
	a := d.want(409, "POST", "/groups/g/_start?wait=true", "")
	for _, part := range []string{"could not be started: g:", "g:a: ./gone: no such file", "; g:", "g:b: ./gone: no such file"} {
		if !strings.Contains(a.body, part) {
			t.Errorf("no %q in %s", part, a.body)
		}
	}
	if strings.Contains(a.body, "start g:") {
		t.Errorf("got %s", a.body)
	}
}

func TestWait(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("slow", "stubborn", "graceful_timeout", 30))
	d.written(pid, "stdout", 3)
	if a := d.want(200, "POST", "/processes/slow/_stop?wait=0.05", ""); a.body != `{"ok":true,"done":false}`+"\n" {
		t.Errorf("got %s", a.body)
	}
	if a := d.want(200, "POST", "/processes/slow/_scale/0?wait=0.01", ""); !strings.Contains(a.body, `"numprocesses":0`) || !strings.Contains(a.body, `"done":false`) {
		t.Errorf("got %s", a.body)
	}
	d.want(200, "POST", fmt.Sprintf("/processes/%d/_signal/kill", pid), "")
	if a := d.want(200, "POST", "/processes/slow/_stop?wait=true", ""); a.body != okBody {
		t.Errorf("got %s", a.body)
	}
}

func TestSignals(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, sig := range []string{"9", "kill", "SIGKILL", "SigKill"} {
		pid := d.create(child("s-"+sig, "hang", "restart", "never"))
		d.want(200, "POST", fmt.Sprintf("/processes/%d/_signal/%s", pid, sig), "")
		a := d.get("/watch/proc/s-" + sig + "/exit?since=0")
		if !strings.Contains(a.body, `"term_signal":9`) {
			t.Errorf("%s: %s", sig, a.body)
		}
	}
	d.create(child("all", "hang", "numprocesses", 2, "restart", "never"))
	d.want(200, "POST", "/processes/all/_signal/9", "")
	eventually(t, "both killed", func() bool {
		status, err := d.manager.Status("all")
		return err == nil && status.Running == 0
	})
}

func TestShortagesAreAnswered(t *testing.T) {
	d := newDaemon(t, Options{})
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		w := httptest.NewRecorder()
		d.server.fail(&answer{ResponseWriter: w}, httptest.NewRequest("POST", "/", nil),
			&startError{&os.PathError{Op: "start web: fork/exec", Path: "./web", Err: err}, "start "})
		if w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}

func TestStats(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "hang"))
	all := decode[[]map[string]any](t, d.want(200, "GET", "/stats", ""))
	if len(all) != 1 || all[0]["name"] != "web" {
		t.Fatalf("stats: %v", all)
	}
	one := decode[map[string]any](t, d.want(200, "GET", "/stats/web", ""))
	for _, key := range []string{"name", "stats", "cpu", "max_cpu", "min_cpu", "mem", "max_mem", "min_mem"} {
		if one[key] == nil {
			t.Errorf("no %s in %v", key, one)
		}
	}
	entry := decode[map[string]any](t, d.want(200, "GET", fmt.Sprintf("/stats/web/%d", pid), ""))
	for _, key := range []string{"id", "pid", "cpu", "mem", "mem_info1", "mem_info2", "ctime", "username", "nice",
		"cmdline", "children", "rss", "vms", "cpu_seconds", "num_fds", "num_threads"} {
		if entry[key] == nil {
			t.Errorf("no %s in %v", key, entry)
		}
	}
	if entry["id"] != float64(pid) {
		t.Errorf("id is %v", entry["id"])
	}
	resp := d.open("/stats/web?feed=continuous&interval=0.1")
	lines := json.NewDecoder(resp.Body)
	for range 2 {
		var v map[string]any
		if err := lines.Decode(&v); err != nil || v["name"] != "web" {
			t.Fatalf("%v %v", v, err)
		}
	}
	events := d.open("/stats/web?feed=eventsource&interval=0.1")
	expect(t, events.Body, "event: stats\r\ndata: {\"name\":\"web\"")
	d.want(200, "DELETE", "/processes/web", "")
	for lines.More() {
		var v any
		if err := lines.Decode(&v); err != nil {
			t.Fatalf("the feed did not end properly: %v", err)
		}
	}
}
