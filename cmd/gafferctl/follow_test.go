package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestStreamsFollowsNewInstances(t *testing.T) {
	serve(t)
	must(t, "add_process", "--start", "--wait", "web", "--", "sh", "-c", "echo hello from $$; exec sleep 1000")
	f := follow(t, "streams", "web")
	f.until(t, "hello from")
	must(t, "kill", "web", "9") // the next instance
	f.untilCount(t, "hello from", 2)
	if strings.Contains(f.text(), "|") {
		t.Errorf("a prefix though there is only one instance: %q", f.text())
	}
	must(t, "scale", "--wait", "web", "3")
	f.until(t, "web-2 | hello from ")
	f.until(t, "web-3 | hello from ")
	must(t, "del_process", "--wait", "web")
	if code := f.end(t); code != exitOK {
		t.Errorf("when the process is deleted: exit %d: %s", code, f.stderr.String())
	}
	got := strings.Split(strings.TrimSpace(f.text()), "\n")
	if len(got) != 4 {
		t.Errorf("got %d lines, want one of each instance: %q", len(got), got)
	}
}

func TestStreamsOfSeveral(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json",
		`{"name": "a.b", "numprocesses": 2, "cmd": "sh", "args": ["-c", "echo one; echo two; printf three; exec sleep 1000"]}`))
	f := follow(t, "streams", "--tail", "all", "a.b", "stdout")
	f.until(t, "a.b-1 | two\n")
	f.until(t, "a.b-2 | two\n")
	must(t, "del_process", "a.b")
	if code := f.end(t); code != exitOK {
		t.Fatalf("exit %d: %s", code, f.stderr.String())
	}
	got := strings.Split(strings.TrimSpace(f.text()), "\n")
	slices.Sort(got)
	want := []string{"a.b-1 | one", "a.b-1 | three", "a.b-1 | two", "a.b-2 | one", "a.b-2 | three", "a.b-2 | two"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A stream that has both outputs is shown once.
func TestStreamsOfMergedOutput(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json",
		`{"name": "web", "redirect_output": ["log", "log"], "cmd": "sh", "args": ["-c", "echo out; echo err >&2; exec sleep 1000"]}`))
	f := follow(t, "streams", "web")
	f.until(t, "err\n")
	must(t, "del_process", "--wait", "web")
	if code := f.end(t); code != exitOK || f.text() != "out\nerr\n" {
		t.Errorf("exit %d, %q: %s", code, f.text(), f.stderr.String())
	}
}

func TestStreamsIsInterrupted(t *testing.T) {
	serve(t)
	must(t, "add_process", "--start", "--wait", "web", "--", "sh", "-c", "echo up; exec sleep 1000")
	for _, args := range [][]string{{"streams", "web"}, {"streams", "1"}} {
		f := follow(t, args...)
		f.until(t, "up\n")
		f.interrupt()
		if code := f.end(t); code != exitOK || f.stderr.Len() > 0 {
			t.Errorf("%q: exit %d: %s", args, code, f.stderr.String())
		}
	}
}

func TestWatchLines(t *testing.T) {
	serve(t)
	must(t, "add_process", "web", "sleep 1000")
	all := follow(t, "watch", ".")
	for !strings.Contains(all.text(), "| stop\n") { // it may begin in the middle of a stop
		must(t, "start", "--wait", "web")
		must(t, "stop", "--wait", "web")
	}
	all.until(t, "| stop\n")
	all.interrupt()
	if code := all.end(t); code != exitOK {
		t.Errorf("exit %d: %s", code, all.stderr.String())
	}
	line := regexp.MustCompile(`^\d\d:\d\d:\d\d web \| (start|stop|spawn pid=\d+ os_pid=\d+|stop_pid pid=\d+ os_pid=\d+( \(.*\))?|exit pid=\d+ os_pid=\d+ term_signal=15 \(.*\))$`)
	for text := range strings.Lines(all.text()) {
		if !line.MatchString(strings.TrimSuffix(text, "\n")) {
			t.Errorf("line %q", text)
		}
	}
}

func TestWatchAudits(t *testing.T) {
	serve(t)
	f := follow(t, "watch", "audit")
	for f.text() == "" {
		gafferctl(t, "", "start", "nosuch")
	}
	f.interrupt()
	f.end(t)
	if want := regexp.MustCompile(`^\d\d:\d\d:\d\d nosuch \| audit .+ at 127\.0\.0\.1:\d+: POST /processes/nosuch/_start 404 not_found\n`); !want.MatchString(f.text()) {
		t.Errorf("got %q", f.text())
	}
}

// A feed that breaks is told of once, and that it goes on. What is about the daemon
// has its name.
func TestWatchIsConnectedAgain(t *testing.T) {
	answers := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Gaffer-Seq", "0")
		switch answers++; answers {
		case 1: // and its end
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "id: 1\r\ndata: {\"event\": \"worker\", \"os_pid\": 7, \"reason\": \"upgraded\", \"time\": \"2015-02-16T02:02:43Z\"}\r\n\r\n")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(s.Close)
	f := follow(t, "--connect", s.URL, "watch")
	f.until(t, "3 gafferd | worker os_pid=7 (upgraded)\n")
	f.interrupt()
	f.end(t)
	if got := f.stderr.String(); !strings.HasSuffix(got, "; trying again\ngafferctl: connected again\n") {
		t.Errorf("told %q", got)
	}
}

func TestWatchJSON(t *testing.T) {
	serve(t)
	must(t, "add_process", "web", "sleep 1000")
	f := follow(t, "-o", "json", "watch", "proc.web.spawn")
	for f.text() == "" {
		must(t, "start", "--wait", "web")
		must(t, "stop", "--wait", "web")
	}
	first, _, _ := strings.Cut(f.text(), "\n")
	var ev map[string]any
	if err := json.Unmarshal([]byte(first), &ev); err != nil || ev["event"] != "proc.web.spawn" || ev["detached"] != false {
		t.Errorf("got %s: %v", first, err)
	}
	if o := gafferctl(t, "", "watch", "5"); o.code != exitFailed || !strings.Contains(o.stderr, `no such event: "5": there is create,`) || !strings.Contains(o.stderr, "bad_event_type") {
		t.Errorf("an event that does not exist: exit %d, %q", o.code, o.stderr)
	}
}

func TestWatchPattern(t *testing.T) {
	tests := []struct{ dotted, want string }{
		{".", ""}, {"exit", "exit"}, {"proc.web", "proc/web"}, {"proc.web.exit", "proc/web/exit"},
		{"proc.my.web", "proc/my.web"}, {"proc.my.web.stop_pid", "proc/my.web/stop_pid"}, {"proc.shop:web.flap", "proc/shop:web/flap"},
		{"proc.exit", "proc/exit"},
	}
	for _, tt := range tests {
		if got := watchPattern(tt.dotted); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.dotted, got, tt.want)
		}
	}
}
