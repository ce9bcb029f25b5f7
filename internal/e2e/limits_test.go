package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestFewDescriptors runs the daemon with hardly any, and asks for more than
// there are.
func TestFewDescriptors(t *testing.T) {
	d := startWith(t, shell("ulimit -n 64"))
	d.create("many", properties{"cmd": "sleep 1000", "numprocesses": 0})
	// Each instance holds two pipes and a pidfd at least, so 64 cannot run.
	a := d.do("POST", "/processes/many/_scale/64?wait=true", "")
	if p := a.problem(t); a.status/100 == 2 || p.Reason == "" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	d.alive()
	// Whoever comes now is served nevertheless.
	http.DefaultClient.CloseIdleConnections()
	for range 10 {
		d.ok("GET", "/ping", "")
		d.ok("GET", "/processes/many/_pids", "")
		http.DefaultClient.CloseIdleConnections()
	}
	d.ok("POST", "/processes/many/_scale/0?wait=true", "")
	d.run("one", properties{"cmd": "sleep 1000"})
}

// TestManyConnections opens more connections than a daemon with few descriptors
// can take. When they are closed it serves as before.
func TestManyConnections(t *testing.T) {
	d := startWith(t, shell("ulimit -n 64"))
	pid := d.run("one", properties{"cmd": "sleep 1000"})
	transport := &http.Transport{DisableKeepAlives: true}
	var open []*http.Response
	for range 40 {
		req, err := http.NewRequest("GET", fmt.Sprintf("%s/streams/%d/stdout?feed=continuous", d.url, pid), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := transport.RoundTrip(req); err == nil {
			open = append(open, resp)
		}
	}
	d.alive()
	for _, resp := range open {
		resp.Body.Close()
	}
	waitFor(t, "a new process can be started", func() bool {
		a, err := d.try("POST", "/processes?wait=true", strings.NewReader(`{"name": "two", "cmd": "sleep 1000"}`))
		if err == nil && a.status != http.StatusOK {
			_, _ = d.try("DELETE", "/processes/two?wait=true", nil)
		}
		return err == nil && a.status == http.StatusOK
	})
}

// TestFewProcesses runs the daemon as a user who may have few processes.
func TestFewProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: its own processes are not counted, so another user's must be")
	}
	// A user of this test's own, for whom nothing else counts.
	const user = 61234
	unprivileged := func(cmd *exec.Cmd) {
		shell("ulimit -u 60")(cmd)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		cmd.Dir = "/"
	}
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	d := startWith(t, unprivileged)
	d.create("many", properties{"cmd": "sleep 1000", "numprocesses": 0})
	a := d.do("POST", "/processes/many/_scale/100?wait=true", "")
	if p := a.problem(t); a.status/100 == 2 || p.Reason == "" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	d.alive()
	d.ok("POST", "/processes/many/_scale/0?wait=true", "")
	d.run("one", properties{"cmd": "sleep 1000"})
}

// TestHugeBody sends 100 MB where 1 MiB is allowed.
func TestHugeBody(t *testing.T) {
	d := start(t)
	before := d.use()
	a, err := d.try("POST", "/processes", io.LimitReader(spaces{}, 100e6))
	if err == nil && (a.status != http.StatusRequestEntityTooLarge || a.problem(t).Error != "body_too_large") {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	if err != nil {
		t.Errorf("the answer did not arrive: %v", err)
	}
	if grown := d.use().rss - before.rss; grown > 32<<20 {
		t.Errorf("the daemon grew by %d MiB", grown>>20)
	}
}

// spaces is JSON that never begins.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// badInput is what nobody should send, and the code that answers it. Each reason
// must hold the given words. A path of the form /streams/PID is of a process that
// runs, reads no input and redirects its outputs.
var badInput = []struct {
	method, path, body string
	status             int
	code               string
	names              string
}{
	{"POST", "/processes", `{"name": "x", "cmd": `, 400, "invalid_json", ""},
	{"POST", "/processes", ``, 400, "invalid_json", ""},
	{"POST", "/processes", `[]`, 400, "", ""},
	{"POST", "/processes", `{"name": "x", "cmd": "true"} {}`, 400, "invalid_json", ""},
	{"POST", "/processes", strings.Repeat("[", 100_000), 400, "invalid_json", ""},
	{"POST", "/processes", strings.Repeat(`{"env":`, 100_000), 400, "invalid_json", ""},
	{"POST", "/processes", `{"name": "x"}`, 400, "invalid_process_info", "cmd"},
	{"POST", "/processes", `{"cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "numprocess": 2}`, 400, "invalid_process_info", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "env": {"A": 1}}`, 400, "invalid_process_info", "env"},
	{"POST", "/processes", `{"name": "x", "cmd": 5}`, 400, "invalid_process_info", "cmd"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "numprocesses": "2"}`, 400, "invalid_process_info", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "numprocesses": -1}`, 400, "bad_value", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "numprocesses": 1e300}`, 400, "bad_value", "numprocesses"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "graceful_timeout": -1}`, 400, "", "graceful_timeout"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "stop_signal": "SIGNOSUCH"}`, 400, "", "stop_signal"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "restart": "perhaps"}`, 400, "invalid_process_info", "restart"},
	{"POST", "/processes", `{"name": "x", "cmd": "true", "nice": 50}`, 400, "invalid_process_info", "nice"},
	{"POST", "/processes", `{"name": "x", "cmd": "unbalanced 'quote"}`, 400, "invalid_process_info", "cmd"},
	{"POST", "/processes", `{"name": "x", "cmd": "with\u0000nul"}`, 400, "invalid_process_info", "cmd"},
	{"POST", "/processes", `{"name": "a/b", "cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "..", "cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "a\u0000b", "cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "17", "cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "` + strings.Repeat("x", 129) + `", "cmd": "true"}`, 400, "invalid_process_info", "name"},
	{"POST", "/processes", `{"name": "there", "cmd": "true"}`, 409, "conflict", "there"},
	{"PUT", "/processes/nobody", `{"cmd": "true"}`, 404, "not_found", "nobody"},
	{"PUT", "/processes/there", `{}`, 400, "invalid_process_info", "cmd"},
	{"DELETE", "/processes/nobody", "", 404, "not_found", "nobody"},
	{"GET", "/processes/9999", "", 404, "not_found", "9999"},
	{"GET", "/processes/99999999999999999999999", "", 404, "", ""},
	{"GET", "/processes/", "", 404, "resource_not_found", ""},
	{"GET", "//processes", "", 404, "resource_not_found", ""},
	{"GET", "/processes/%2e%2e/there", "", 404, "resource_not_found", ""},
	{"GET", "/processes/a%2fb", "", 404, "", ""},
	{"GET", "/nowhere", "", 404, "resource_not_found", "/nowhere"},
	{"POST", "/processes/there/_dance", "", 404, "resource_not_found", "_dance"},
	{"PATCH", "/processes", "", 405, "method_not_allowed", "PATCH"},
	{"DELETE", "/ping", "", 405, "method_not_allowed", ""},
	{"POST", "/processes/there/_scale/-1", "", 400, "bad_value", "-1"},
	{"POST", "/processes/there/_scale/many", "", 400, "bad_value", "many"},
	{"POST", "/processes/there/_scale/10001", "", 400, "bad_value", "10"},
	{"POST", "/processes/there/_add/99999999999999999999", "", 400, "bad_value", "99999999999999999999"},
	{"POST", "/processes/there/_signal/SIGNOSUCH", "", 400, "no_signal_number", "SIGNOSUCH"},
	{"POST", "/processes/there/_signal/0", "", 400, "no_signal_number", "0"},
	{"POST", "/processes/there/_signal/-9", "", 400, "no_signal_number", "-9"},
	{"GET", "/streams/PID/stdout?feed=telepathy", "", 400, "bad_feed", "telepathy"},
	{"GET", "/streams/PID/stdout?since=-1", "", 400, "bad_value", "since"},
	{"GET", "/streams/PID/stdout?heartbeat=often", "", 400, "bad_value", "heartbeat"},
	{"GET", "/streams/PID/stdwhat", "", 404, "io_not_found", "stdwhat"},
	{"GET", "/streams/9999/stdout", "", 404, "not_found", "9999"},
	{"POST", "/streams/PID/stdin", "x", 403, "forbidden_write", "redirect_input"},
	{"POST", "/streams/PID/stdout", "x", 403, "forbidden_write", ""},
	{"GET", "/wstreams/PID", "", 403, "forbidden_write", ""},
	{"GET", "/watch/earthquake", "", 404, "bad_event_type", "earthquake"},
	{"GET", "/watch?feed=telepathy", "", 400, "bad_feed", "telepathy"},
	{"GET", "/watch?since=yesterday", "", 400, "bad_value", "since"},
	{"GET", "/groups/nobody", "", 404, "not_found", "nobody"},
	{"GET", "/status/nobody", "", 404, "not_found", "nobody"},
	{"GET", "/stats/nobody", "", 404, "not_found", "nobody"},
	{"GET", "/ping?token=whatever", "", 401, "unauthorized", ""},
}

func TestBadInput(t *testing.T) {
	d := start(t)
	pid := d.run("there", properties{"cmd": "sleep 1000"})
	d.run("mute", properties{"cmd": "sleep 1000", "redirect_output": []string{}})
	before := d.ok("GET", "/processes?info=true", "").body
	for _, c := range badInput {
		path := strings.Replace(c.path, "PID", fmt.Sprint(pid), 1)
		a := d.do(c.method, path, c.body)
		p := a.problem(t)
		if a.status != c.status || c.code != "" && p.Error != c.code || !strings.Contains(p.Reason, c.names) || p.Reason == "" {
			t.Errorf("%s %s %.60s\n\tanswers %d %s\n\twant %d %s with %q in its reason", c.method, path, c.body, a.status, a.body, c.status, c.code, c.names)
		}
		if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow", c.method, path)
		}
	}
	if after := d.ok("GET", "/processes?info=true", "").body; after != before {
		t.Errorf("something was changed: %s\nbefore: %s", after, before)
	}
}

// TestCommandThatCannotRun is about commands that are not there or may not be
// executed: they can be created, and everything says what went wrong.
func TestCommandThatCannotRun(t *testing.T) {
	d := start(t)
	for name, cmd := range map[string]string{"absent": "/no/such/program", "forbidden": "/etc/passwd"} {
		watch := d.watch("/proc/" + name + "/exit")
		d.ok("POST", "/processes", describeProcess(name, properties{"cmd": cmd, "restart": "never"}))
		if e := watch.next(); e.OSPid != 0 || !strings.Contains(e.Reason, cmd) {
			t.Errorf("the exit event of %s is %+v", name, e)
		}
		if e := d.exits(name); len(e) != 1 || !strings.Contains(e[0].Reason, cmd) {
			t.Errorf("_exits of %s says %+v", name, e)
		}
		if now := d.status(name); now.Running != 0 {
			t.Errorf("the status of %s is %+v", name, now)
		}
		waited := d.do("POST", "/processes/"+name+"/_start?wait=true", "")
		if p := waited.problem(t); waited.status/100 == 2 || !strings.Contains(p.Reason, cmd) {
			t.Errorf("with ?wait=true the answer is %d %s", waited.status, waited.body)
		}
	}
}

// TestForeign is about whom a web page's requests come from.
func TestForeign(t *testing.T) {
	d := start(t)
	for _, c := range []struct {
		header, value, code string
	}{
		{"Origin", "http://evil.example", "cross_origin"},
		{"Origin", "null", "cross_origin"},
		{"Sec-Fetch-Site", "cross-site", "cross_origin"},
		{"Sec-Fetch-Site", "same-site", "cross_origin"},
		{"Origin", d.url, ""},
		{"Sec-Fetch-Site", "same-origin", ""},
		{"Sec-Fetch-Site", "none", ""},
	} {
		for _, path := range []string{"/processes", "/ping", "/watch?since=0&timeout=0"} {
			a := d.do("GET", path, "", c.header, c.value)
			if c.code == "" && a.status/100 != 2 || c.code != "" && a.problem(t).Error != c.code {
				t.Errorf("GET %s with %s: %s answers %d %s", path, c.header, c.value, a.status, a.body)
			}
		}
	}
	for host, good := range map[string]bool{"localhost:1": true, "127.0.0.1": true, "[::1]:5000": true, "0.0.0.0": false, "evil.example": false} {
		req, err := http.NewRequest("GET", d.url+"/ping", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.StatusCode == http.StatusOK) != good {
			t.Errorf("Host %s is answered with %s", host, resp.Status)
		}
	}
}
