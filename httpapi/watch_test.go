package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sseMessage is one event, as a client takes it apart.
type sseMessage struct{ event, id, data string }

func readMessage(t *testing.T, r *bufio.Reader) sseMessage {
	t.Helper()
	var m sseMessage
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(l, "\r\n") {
			t.Fatalf("a line ends in %q", l)
		}
		l = strings.TrimSuffix(l, "\r\n")
		name, value, _ := strings.Cut(l, ": ")
		switch {
		case l == "" && m != sseMessage{}:
			return m
		case name == "event":
			m.event = value
		case name == "id":
			m.id = value
		case name == "data":
			m.data = value
		}
	}
}

func TestWatchEventsource(t *testing.T) {
	d := newDaemon(t, Options{})
	resp := d.open("/watch?feed=eventsource")
	r := bufio.NewReader(resp.Body)
	d.create(child("shop:web.1", "quit", "restart", "never"))
	const pid = 1 // it may have ended before it is asked for
	seq := 0
	for _, want := range []string{"create", "start", "spawn", "exit"} {
		for _, name := range []string{want, "proc.shop:web.1." + want} {
			m := readMessage(t, r)
			seq++
			var o map[string]any
			if err := json.Unmarshal([]byte(m.data), &o); err != nil {
				t.Fatalf("%q: %v", m.data, err)
			}
			if m.event != name || o["event"] != name || o["name"] != "shop:web.1" || m.id != fmt.Sprint(seq) || o["seq"] != float64(seq) {
				t.Errorf("got %+v, want %s with seq %d", m, name, seq)
			}
			if _, err := time.Parse(time.RFC3339Nano, o["time"].(string)); err != nil {
				t.Error(err)
			}
			switch want {
			case "create", "start":
				if _, ok := o["pid"]; ok {
					t.Errorf("%s has a pid: %s", name, m.data)
				}
			case "spawn":
				if o["pid"] != float64(pid) || o["os_pid"] == nil || o["detached"] != false {
					t.Errorf("%s", m.data)
				}
			case "exit":
				if o["exit_status"] != 0.0 || o["term_signal"] != 0.0 || o["pid"] != float64(pid) {
					t.Errorf("%s", m.data)
				}
			}
		}
	}
	// Resume: by the URL, and by the header of an EventSource that comes again.
	again := d.open("/watch?feed=eventsource&since=0", "Last-Event-ID", "6")
	if m := readMessage(t, bufio.NewReader(again.Body)); m.id != "7" {
		t.Errorf("resumed at %+v", m)
	}
	all := d.open("/watch?feed=eventsource&since=0")
	if m := readMessage(t, bufio.NewReader(all.Body)); m.id != "1" {
		t.Errorf("replayed from %+v", m)
	}
}

func TestWatchOneChunkPerEvent(t *testing.T) {
	d := newDaemon(t, Options{})
	conn := d.raw("GET /watch?feed=eventsource&heartbeat=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || len(resp.TransferEncoding) != 1 || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%+v %v", resp, err)
	}
	d.create(child("web", "hang"))
	for _, want := range []string{"create", "proc.web.create", "start", "proc.web.start", "spawn", "proc.web.spawn"} {
		var size int
		if _, err := fmt.Fscanf(r, "%x\r\n", &size); err != nil {
			t.Fatal(err)
		}
		chunk := make([]byte, size)
		io.ReadFull(r, chunk)
		expect(t, r, "\r\n")
		// As gaffer's client does it.
		var event string
		for l := range strings.SplitSeq(strings.Trim(string(chunk), "\r\n"), "\r\n") {
			name, value, ok := strings.Cut(l, ":")
			if !ok {
				t.Fatalf("the chunk %q has a line without a colon", chunk)
			}
			if name == "event" {
				event = strings.TrimSpace(value)
			}
		}
		if event != want {
			t.Errorf("a chunk has the event %q, want %q", event, want)
		}
	}
}

func TestWatchPatterns(t *testing.T) {
	d := newDaemon(t, Options{})
	d.create(child("a", "hang"))
	d.create(child("b", "hang"))
	for path, want := range map[string]string{
		"/watch/spawn":         "spawn a",
		"/watch/proc/b":        "proc.b.create b",
		"/watch/proc/b/spawn":  "proc.b.spawn b",
		"/watch/proc%2Fb?x=":   "",
		"/watch/proc/none":     "",
		"/watch/proc":          "proc.a.create a",
		"/watch/stop":          "",
		"/watch/flap":          "",
		"/watch/proc/b/exit":   "",
		"/watch/proc/a%3Ax":    "",
		"/watch/a/b/c":         "404",
		"/watch/proc/b/spawn2": "404",
		"/watch/Spawn":         "404",
	} {
		a := d.get(path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "since=0&timeout=0")
		first, _, _ := strings.Cut(a.body, "\n")
		var o struct{ Event, Name string }
		_ = json.Unmarshal([]byte(first), &o)
		switch {
		case want == "404" && (a.status != 404 || a.code(t) != "bad_event_type"):
			t.Errorf("%s: %d %s", path, a.status, a.body)
		case path == "/watch/proc%2Fb?x=" && a.status == 404:
		case want == "" && a.status != 204:
			t.Errorf("%s: %d %s, want nothing", path, a.status, a.body)
		case want != "" && want != "404" && o.Event+" "+o.Name != want:
			t.Errorf("%s: %s, want %s", path, first, want)
		}
	}
}

func TestWatchLongpollAndContinuous(t *testing.T) {
	d := newDaemon(t, Options{})
	got := make(chan answered)
	go func() { got <- d.get("/watch/spawn") }()
	resp := d.open("/watch?feed=continuous&heartbeat=0.03")
	expect(t, resp.Body, "\n")
	eventually(t, "the poll", func() bool {
		d.create(child(fmt.Sprintf("web%d", d.manager.Events().Last()), "hang"))
		select {
		case a := <-got:
			if strings.Count(a.body, "\n") != 1 || !strings.Contains(a.body, `"event":"spawn"`) {
				t.Errorf("polled %q", a.body)
			}
			return true
		default:
			return false
		}
	})
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil || o["event"] != "create" {
			t.Errorf("%s %v", lines.Text(), err)
		}
		break
	}
	// Whoever says what it has seen gets all that it has not.
	if a := d.get("/watch?since=2"); strings.Count(a.body, "\n") < 4 || !strings.Contains(a.body, `"seq":3`) {
		t.Errorf("since=2: %q", a.body)
	}
	last := fmt.Sprint(d.manager.Events().Last())
	if a := d.want(200, "GET", "/watch?heartbeat=0.02&timeout=0.1&since="+last, ""); strings.Trim(a.body, "\n") != "" || a.body == "" {
		t.Errorf("a poll of heartbeats: %q", a.body)
	}
	d.want(200, "HEAD", "/watch", "")
	d.want(200, "HEAD", "/watch?feed=eventsource", "")
}

func TestWatchTellsOfAGap(t *testing.T) {
	d := newDaemon(t, Options{})
	d.create(child("web", "hang", "start", false))
	for d.manager.Events().Last() <= 10_010 {
		if _, err := d.manager.Stop("web"); err != nil {
			t.Fatal(err)
		}
	}
	missed := d.manager.Events().Last() - 10_000
	for path, lines := range map[string]int{"/watch": 1 + maxPolledEvents, "/watch/flap": 1} { // of which there is none
		resp := d.open(path + "?feed=eventsource&since=1")
		m := readMessage(t, bufio.NewReader(resp.Body))
		if m.event != "gap" || m.data != fmt.Sprintf(`{"missed": %d}`, missed-1) || m.id != fmt.Sprint(missed) {
			t.Errorf("%s: got %+v, missed %d", path, m, missed)
		}
		a := d.get(path + "?since=1&timeout=5")
		var o map[string]any
		first, _, _ := strings.Cut(a.body, "\n")
		if err := json.Unmarshal([]byte(first), &o); err != nil || o["event"] != "gap" || o["missed"] != float64(missed-1) {
			t.Errorf("%s: longpoll: %s %v", path, first, err)
		}
		if n := strings.Count(a.body, "\n"); n != lines {
			t.Errorf("%s: %d lines, want %d", path, n, lines)
		}
	}
}
