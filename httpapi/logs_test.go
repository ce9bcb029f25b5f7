package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// lineHead is what every line of a dump begins with, as the published clients
// take it apart.
var lineHead = regexp.MustCompile(`^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{9}) \+0000 UTC \[([^\]]+)\] `)

// dumped are the lines of a dump without their times: [web-1] text.
func dumped(t *testing.T, text string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		head := lineHead.FindStringSubmatch(line)
		if head == nil {
			t.Fatalf("no head: %q", line)
		}
		lines = append(lines, "["+head[3]+"] "+strings.TrimSuffix(line[len(head[0]):], "\n"))
	}
	return lines
}

func lines(texts ...string) string { return fmt.Sprintf("%q", texts) }

// shop has two processes that have printed and are silent now, one that has
// printed nothing, and one of another app.
func shop(t *testing.T) *daemon {
	d := newDaemon(t, Options{})
	web := d.create(child("shop:web", "puppet", "redirect_input", true))
	worker := d.create(child("shop:worker", "puppet", "redirect_input", true))
	d.create(child("shop:idle", "hang"))
	d.create(child("silent", "hang"))
	d.tell(web, `out "one\ntwo\n"`)
	d.written(web, "stdout", 8)
	d.tell(worker, `err "oops\n"`)
	d.written(worker, "stderr", 5)
	d.tell(web, `out "three\n"`)
	d.written(web, "stdout", 14)
	return d
}

func TestLogsDump(t *testing.T) {
	d := shop(t)
	one, two, oops, three := "[web-1] one", "[web-1] two", "[worker-1] oops", "[web-1] three"
	later := url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))
	for query, want := range map[string][]string{
		"":                  {one, two, oops, three},
		"?n=1":              {three},
		"?n=2&stream=false": {oops, three},
		"?n=all":            {one, two, oops, three},
		"?filter=worker":    {oops},
		"?filter=web-1":     {one, two, three},
		"?filter=" + url.QueryEscape("worker-1|web-1") + "&n=2": {oops, three},
		"?fd=stderr":                     {oops},
		"?fd=stdout&n=1":                 {three},
		"?grep=" + url.QueryEscape("^t"): {two, three},
		"?grep=o&n=2":                    {two, oops},
		"?since=10m":                     {one, two, oops, three},
		"?since=1d&n=1":                  {three},
		"?until=" + later:                {one, two, oops, three},
		"?since=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano): {one, two, oops, three},
	} {
		a := d.get("/apps/shop/logs" + query)
		if a.status != 200 || a.header.Get("Content-Type") != textType {
			t.Errorf("%s: %d %q", query, a.status, a.header)
			continue
		}
		if got := dumped(t, a.body); lines(got...) != lines(want...) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for _, path := range []string{
		"/apps/silent/logs", "/apps/shop/logs?n=0", "/apps/shop/logs?filter=idle", "/apps/shop/logs?grep=nothing",
		"/apps/shop/logs?since=" + later, "/apps/shop/logs?until=10m",
	} {
		if a := d.get(path); a.status != 204 || a.body != "" {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	if a := d.do("HEAD", "/apps/shop/logs", ""); a.status != 200 || a.header.Get("Content-Type") != textType {
		t.Errorf("HEAD: %d %q", a.status, a.header)
	}
	if a := d.do("HEAD", "/apps/silent/logs", ""); a.status != 204 {
		t.Errorf("HEAD: %d", a.status)
	}
	if a := d.do("HEAD", "/apps/shop/logs?stream=true", ""); a.status != 200 || a.header.Get("Content-Type") != sseType {
		t.Errorf("HEAD of a stream: %d %q", a.status, a.header)
	}
	// As curl sends it: a | that is not encoded.
	conn := d.raw("GET /apps/shop/logs?filter=worker|idle HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if got := dumped(t, string(body)); err != nil || lines(got...) != lines(oops) {
		t.Errorf("raw |: %q, %v", body, err)
	}
}

func TestLogsRefusals(t *testing.T) {
	d := shop(t)
	for query, param := range map[string]string{
		"n=x": "n", "n=-1": "n", "n=": "n", "n=1.5": "n", "stream=maybe": "stream", "follow=x&stream=true": "follow", "ends=x&stream=true": "ends",
		"since=yesterday": "since", "since=": "since", "since=-10m": "since", "until=x": "until", "since=9999-01-01T00:00:00Z": "since",
		"grep=%5B": "grep", "filter=a%20b": "filter", "filter=%7C": "filter", "cursor=1.2.3": "cursor", "cursor=x": "cursor",
		"fd=3": "fd", "heartbeat=-1&stream=true": "heartbeat",
	} {
		a := d.get("/apps/shop/logs?" + query)
		if a.status != 400 || a.code(t) != "bad_value" || !strings.Contains(a.body, " "+param+" is ") {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := d.do("GET", "/apps/shop/logs?stream=true", "", "Last-Event-ID", "x"); a.status != 400 || !strings.Contains(a.body, "Last-Event-ID") {
		t.Errorf("Last-Event-ID: %d %s", a.status, a.body)
	}
	if a := d.do("GET", "/apps/shop/logs?stream=true", "", "Connection", "Upgrade", "Upgrade", "websocket"); a.status != 400 || a.code(t) != "bad_value" {
		t.Errorf("no handshake: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/apps/nobody/logs", "/apps/nobody/logs?stream=true", "/v1/apps/nobody/logs", "/apps/7/logs", "/apps/%2e%2e%2fshop/logs", "/apps/shop:web/logs"} {
		if a := d.get(path); a.status != 404 || a.code(t) != "not_found" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := d.do("POST", "/apps/shop/logs", ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("POST: %d %q", a.status, a.header)
	}
}

// What is no text survives the dump as it is, and JSON as far as it can.
func TestLogsOfBinaryOutput(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "puppet", "redirect_input", true))
	d.tell(pid, `out "\x00\xff\xfe \"q\" \\ \t\x1b[1m €\n"`)
	d.written(pid, "stdout", 18)
	a := d.get("/apps/web/logs")
	if want := "[web-1] \x00\xff\xfe \"q\" \\ \t\x1b[1m €"; lines(dumped(t, a.body)...) != lines(want) {
		t.Errorf("dump %q, want %q", a.body, want)
	}
	m := firstMessages(t, d, "/apps/web/logs?stream=true&n=all", 1)[0]
	if want := "] \x00\ufffd\ufffd \"q\" \\ \t\x1b[1m €\n"; !strings.HasSuffix(m.Log, want) {
		t.Errorf("JSON %q, want %q", m.Log, want)
	}
}

// A long line comes in pieces, which a dump puts together. A reader who stays behind
// has all of it kept.
func TestLogsOfLongLine(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "puppet", "redirect_input", true, "backpressure", true))
	log, err := d.manager.Log(pid, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Subscribe(0).Close()
	long := strings.Repeat("0123456789abcdef", 3<<20/16)
	for range 3 << 20 / (256 << 10) {
		d.tell(pid, `out "%s"`, long[:256<<10])
	}
	d.tell(pid, `out "end\nnext\nopen"`)
	d.written(pid, "stdout", int64(len(long)+13))
	a := d.get("/apps/web/logs?n=all")
	if got := dumped(t, a.body); len(got) != 3 || got[0] != "[web-1] "+long+"end" || got[1] != "[web-1] next" || got[2] != "[web-1] open" {
		t.Errorf("got %d lines, the first of %d bytes", len(got), len(got[0]))
	}
}

// message is what feeds of logs send.
type logMessage struct {
	Name, Event, Log, Stream, Cursor string
	Timestamp                        time.Time
	Partial, Continuation            bool
	Missed                           int64
	PID                              int
}

func (m logMessage) text(t *testing.T) string {
	t.Helper()
	if m.Name != m.Event {
		t.Errorf("name %q, event %q", m.Name, m.Event)
	}
	head := lineHead.FindStringSubmatch(m.Log)
	if head == nil || !strings.HasSuffix(m.Log, "\n") {
		t.Fatalf("no line: %q", m.Log)
	}
	if want := m.Timestamp.UTC().Format(time.RFC3339Nano); !strings.HasPrefix(head[1]+"T"+head[2], strings.TrimSuffix(want, "Z")) {
		t.Errorf("timestamp %s, head %s", want, head[0])
	}
	return "[" + head[3] + "] " + strings.TrimSuffix(m.Log[len(head[0]):], "\n")
}

// sseReader reads the events of a feed.
type sseReader struct {
	t *testing.T
	r *bufio.Reader
}

// next returns the id and the message of an event.
func (s sseReader) next() (id string, m logMessage) {
	s.t.Helper()
	var data string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if !strings.HasSuffix(line, "\r\n") {
			s.t.Fatalf("line %q does not end in CRLF", line)
		}
		line = strings.TrimSuffix(line, "\r\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "id":
			id = value
		case field == "data":
			data += value
		case line == "" && data != "":
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				s.t.Fatalf("%v: %q", err, data)
			}
			return id, m
		case line != "" && !strings.HasPrefix(line, ":"):
			s.t.Fatalf("unexpected line %q", line)
		}
	}
}

func (d *daemon) logFeed(path string, headers ...string) sseReader {
	d.t.Helper()
	resp := d.open(path, headers...)
	if got := resp.Header.Get("Content-Type"); got != sseType {
		d.t.Fatalf("%s is %q", path, got)
	}
	return sseReader{d.t, bufio.NewReader(resp.Body)}
}

func firstMessages(t *testing.T, d *daemon, path string, n int) (messages []logMessage) {
	t.Helper()
	feed := d.logFeed(path)
	for range n {
		_, m := feed.next()
		messages = append(messages, m)
	}
	return messages
}

func TestLogsEventsource(t *testing.T) {
	d := shop(t)
	feed := d.logFeed("/apps/shop/logs?stream=true&n=2")
	id, oops := feed.next()
	if oops.text(t) != "[worker-1] oops" || oops.Event != "log" || oops.Stream != "stderr" || oops.Cursor != id || id == "" {
		t.Errorf("%q %+v", id, oops)
	}
	_, three := feed.next()
	if three.text(t) != "[web-1] three" || three.Stream != "stdout" {
		t.Errorf("%+v", three)
	}
	d.tell(1, `out "four\nfive\n"`)
	for _, want := range []string{"[web-1] four", "[web-1] five"} {
		if _, m := feed.next(); m.text(t) != want {
			t.Errorf("%+v, want %s", m, want)
		}
	}
	// Whoever comes again goes on behind the line, whatever the URL says.
	for _, again := range []sseReader{
		d.logFeed("/apps/shop/logs?stream=true&n=1", "Last-Event-ID", id),
		d.logFeed("/apps/shop/logs?stream=true&n=1&since=1ns&cursor=" + id),
	} {
		for _, want := range []string{"[web-1] three", "[web-1] four", "[web-1] five"} {
			if _, m := again.next(); m.text(t) != want {
				t.Errorf("%+v, want %s", m, want)
			}
		}
	}
	if got := dumped(t, d.get("/apps/shop/logs?cursor="+three.Cursor).body); lines(got...) != lines("[web-1] four", "[web-1] five") {
		t.Errorf("dump behind a cursor: %q", got)
	}
	// Without n only what is new.
	live := d.logFeed("/apps/shop/logs?stream=true&filter=web")
	d.tell(1, `out "six\n"`)
	if _, m := live.next(); m.text(t) != "[web-1] six" {
		t.Errorf("%+v", m)
	}
	// An end where one is asked for.
	resp := d.open("/apps/shop/logs?stream=true&follow=false&n=1")
	body, err := io.ReadAll(resp.Body)
	if err != nil || strings.Count(string(body), "data: ") != 1 || !strings.Contains(string(body), "six") {
		t.Errorf("follow=false: %q, %v", body, err)
	}
}

func TestLogsPartialLine(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "puppet", "redirect_input", true))
	feed := d.logFeed("/apps/web/logs?stream=true&heartbeat=false")
	d.tell(pid, `out "name? "`)
	_, first := feed.next()
	if first.text(t) != "[web-1] name? " || !first.Partial {
		t.Errorf("%+v", first)
	}
	d.tell(pid, `out "joe\nnext\n"`)
	_, rest := feed.next()
	if rest.text(t) != "[web-1] joe" || rest.Partial || !rest.Timestamp.Equal(first.Timestamp) {
		t.Errorf("%+v, want the head of %+v", rest, first)
	}
	if _, m := feed.next(); m.text(t) != "[web-1] next" || !m.Timestamp.After(first.Timestamp) {
		t.Errorf("%+v", m)
	}
	if got := dumped(t, d.get("/apps/web/logs").body); lines(got...) != lines("[web-1] name? joe", "[web-1] next") {
		t.Errorf("dump %q", got)
	}
}

// Whoever resumes behind any message gets the rest of a line whose beginning has
// come, under its head, and nothing twice.
func TestLogsResumeWithinLines(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{})
	web := d.create(child("shop:web", "puppet", "redirect_input", true))
	worker := d.create(child("shop:worker", "puppet", "redirect_input", true))
	feed := d.logFeed("/apps/shop/logs?stream=true")
	d.tell(web, `out "name? "`)
	_, open := feed.next()
	d.tell(worker, `out "busy\n"`)
	_, other := feed.next()
	if open.text(t) != "[web-1] name? " || other.text(t) != "[worker-1] busy" {
		t.Fatalf("%+v, %+v", open, other)
	}
	within := d.logFeed("/apps/shop/logs?stream=true&cursor=" + open.Cursor)
	if _, m := within.next(); m.text(t) != "[worker-1] busy" {
		t.Errorf("behind the beginning: %+v", m)
	}
	d.tell(web, `out "joe\n"`)
	d.written(web, "stdout", 10)
	for name, again := range map[string]sseReader{
		"the same feed":               feed,
		"resumed behind it":           within,
		"resumed behind another line": d.logFeed("/apps/shop/logs?stream=true&cursor=" + other.Cursor),
	} {
		if _, m := again.next(); m.text(t) != "[web-1] joe" || !m.Timestamp.Equal(open.Timestamp) || !m.Continuation || m.Partial {
			t.Errorf("%s: %+v, want the rest of %+v", name, m, open)
		}
	}
	d.tell(web, `out "next\n"`)
	if _, m := feed.next(); m.text(t) != "[web-1] next" || m.Continuation || strings.Contains(m.Cursor, "-") {
		t.Errorf("%+v", m)
	}
}

func TestLogsPing(t *testing.T) {
	d := shop(t)
	// Lines that are left out do not count as a sign of life.
	feed := d.logFeed("/apps/shop/logs?stream=true&heartbeat=0.05&filter=idle")
	for range 3 {
		id, m := feed.next()
		if m.Event != "ping" || m.Name != "ping" || id != "" || time.Since(m.Timestamp) > patience {
			t.Errorf("%q %+v", id, m)
		}
	}
	conn := d.dial("/apps/shop/logs?stream=true&heartbeat=0.05")
	for range 3 {
		var m logMessage
		if err := json.Unmarshal([]byte(receive(t, conn).text), &m); err != nil || m.Event != "ping" {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

func TestLogsUntil(t *testing.T) {
	t.Parallel()
	d := shop(t)
	until := url.QueryEscape(time.Now().Add(300 * time.Millisecond).Format(time.RFC3339Nano))
	resp := d.open("/apps/shop/logs?stream=true&n=1&until=" + until)
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "three") {
		t.Errorf("%q, %v", body, err)
	}
	conn := d.dial("/apps/shop/logs?stream=true&until=" + until)
	if e := closed(t, conn); e.Code != 1000 {
		t.Errorf("closed with %v", e)
	}
}

// A feed with ends=true lasts as long as there is an instance of the app, be it of a
// process that is deleted, and says at its end why that is.
func TestLogsEndWithTheApp(t *testing.T) {
	d := newDaemon(t, Options{})
	for name, pid := range map[string]int{
		"shop:web":    d.create(child("shop:web", "puppet", "redirect_input", true)),
		"shop:worker": d.create(child("shop:worker", "puppet", "redirect_input", true)),
	} {
		d.tell(pid, `out "%s\n"`, name)
		d.written(pid, "stdout", int64(len(name)+1))
	}
	feed := d.logFeed("/apps/shop/logs?stream=true&ends=true&n=all")
	conn := d.dial("/apps/shop/logs?stream=true&ends=true&n=all")
	for range 2 {
		feed.next()
		nextMessage(t, conn)
	}
	d.want(200, "DELETE", "/processes/shop:web?wait=true", "")
	worker := d.create(child("shop:last", "puppet", "redirect_input", true))
	d.want(200, "DELETE", "/processes/shop:worker?wait=true", "")
	d.tell(worker, `out "still here\n"`)
	if _, m := feed.next(); m.text(t) != "[last-1] still here" {
		t.Errorf("%+v", m)
	}
	nextMessage(t, conn)
	d.want(200, "DELETE", "/processes/shop:last?wait=true", "")
	if _, m := feed.next(); m.Name != "end" || m.Event != "end" || m.Cursor != "" {
		t.Errorf("%+v", m)
	}
	if rest, err := io.ReadAll(feed.r); len(rest) > 0 || err != nil {
		t.Errorf("then comes %q, %v", rest, err)
	}
	if m := nextMessage(t, conn); m.Event != "end" {
		t.Errorf("%+v", m)
	}
	if e := closed(t, conn); e.Code != 1000 {
		t.Errorf("closed with %v", e)
	}
}
