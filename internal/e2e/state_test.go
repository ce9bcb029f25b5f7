package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// call makes a request of the daemon that lives now, which has to be answered
// with 200.
func (l *lives) call(method, path, body string) string {
	l.t.Helper()
	req, err := http.NewRequest(method, "http://"+l.addr+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		l.t.Fatalf("%s %s: %s, %v\n%s", method, path, resp.Status, err, text)
	}
	return string(text)
}

// TestAnswerIsSaved kills the daemon right after an answer: the next one knows
// of what was answered.
func TestAnswerIsSaved(t *testing.T) {
	l := newLives(t)
	l.alone = true
	l.begin()
	for i := range 5 {
		name := fmt.Sprint("web", i)
		l.call("POST", "/processes", describeProcess(name, properties{"cmd": "sleep 1000", "start": false}))
		l.end(syscall.SIGKILL)
		l.begin()
		l.call("POST", "/processes/"+name+"/_scale/3", "")
		l.end(syscall.SIGKILL)
		l.begin()
		var now struct{ Numprocesses int }
		if err := json.Unmarshal([]byte(l.call("GET", "/processes/"+name, "")), &now); err != nil || now.Numprocesses != 3 {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}

// TestRunOverKill kills the daemon while something is run once.
func TestRunOverKill(t *testing.T) {
	l := newLives(t)
	l.alone = true
	l.begin()
	var run struct {
		Name string
		PID  int
	}
	answer := l.call("POST", "/run", `{"cmd": "sh -c 'echo begun; exec sleep 1000'"}`)
	if err := json.Unmarshal([]byte(answer), &run); err != nil {
		t.Fatal(err)
	}
	stream := fmt.Sprintf("/streams/%d/stdout?feed=longpoll&since=0", run.PID)
	l.call("GET", stream, "")
	l.waitForLogs(run.Name, 1, run.PID)
	l.end(syscall.SIGKILL)
	l.begin()
	if exits := l.call("GET", "/processes/"+run.Name+"/_exits", ""); !strings.Contains(exits, `"reason":"lost: gafferd was killed while it ran"`) ||
		!strings.Contains(exits, fmt.Sprintf(`"pid":%d`, run.PID)) {
		t.Errorf("exits %s", exits)
	}
	if text := l.call("GET", stream, ""); text != "begun\n" {
		t.Errorf("its output is %q", text)
	}
	if next := l.call("POST", "/run", `{"cmd": "true"}`); strings.Contains(next, fmt.Sprintf(`"pid":%d,`, run.PID)) {
		t.Errorf("its pid is given again: %s", next)
	}
}
