package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func TestLongpollTranscript(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	stdin, stdout := fmt.Sprintf("/streams/%d/stdin", pid), fmt.Sprintf("/streams/%d/stdout", pid)
	a := d.do("POST", stdin, "ECHO\n", "Content-Type", "application/x-www-form-urlencoded")
	if a.status != 200 || a.body != okBody {
		t.Fatalf("%d %s", a.status, a.body)
	}
	d.written(pid, "stdout", 5) // however late the poll comes
	if a := d.want(200, "GET", stdout+"?feed=longpoll", ""); a.body != "ECHO\n" || a.header.Get("Gaffer-Offset") != "5" {
		t.Fatalf("got %q %v", a.body, a.header)
	}
	// A loop of plain polls neither repeats nor skips.
	for i := range 20 {
		line := fmt.Sprintf("line %d\n", i)
		d.want(200, "POST", stdin, line)
		if a := d.want(200, "GET", stdout, ""); a.body != line {
			t.Fatalf("got %q, want %q", a.body, line)
		}
	}
	d.want(204, "GET", stdout+"?timeout=0.01", "")
}

func TestLongpollFromWhere(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	if a := d.want(204, "GET", "/log?timeout=0", ""); a.header.Get("Gaffer-Offset") != "0" {
		t.Errorf("empty: %v", a.header)
	}
	// That poll ended at 0, so the next one goes on there and not at the last line.
	io.WriteString(log, "one\ntwo\n\n")
	if a := d.want(200, "GET", "/log", ""); a.body != "one\ntwo\n\n" {
		t.Errorf("got %q", a.body)
	}
	for _, c := range []struct{ query, body, next string }{
		{"since=0", "one\ntwo\n\n", "9"},
		{"since=4", "two\n\n", "9"},
		{"since=0&limit=5", "one\n", "4"},
		{"since=0&limit=2", "on", "2"},
		{"tail=2", "two\n\n", "9"},
	} {
		a := d.want(200, "GET", "/log?"+c.query, "")
		if a.body != c.body || a.header.Get("Gaffer-Offset") != c.next {
			t.Errorf("%s: %q, next %s, want %q, %s", c.query, a.body, a.header.Get("Gaffer-Offset"), c.body, c.next)
		}
	}
	// Whole lines where there are any; what is left comes next.
	io.WriteString(log, "three\nfo")
	if a := d.want(200, "GET", "/log", ""); a.body != "three\n" {
		t.Errorf("got %q", a.body)
	}
	for range 3 { // HEAD moves nothing
		if a := d.want(200, "HEAD", "/log", ""); a.header.Get("Gaffer-Offset") != "17" {
			t.Errorf("HEAD: %v", a.header)
		}
	}
	if a := d.want(200, "GET", "/log", ""); a.body != "fo" {
		t.Errorf("got %q", a.body)
	}
	log.Close()
	d.want(204, "GET", "/log", "")
}

func TestFirstPollStartsAtTheLastLine(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	io.WriteString(log, "old\nnew\n\n\r\n")
	d := feedServer(t, log)
	if a := d.want(200, "GET", "/log", ""); a.body != "new\n\n\r\n" {
		t.Errorf("got %q", a.body)
	}
}

func TestLongpollWaits(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	got := make(chan answered)
	go func() { got <- d.get("/log") }()
	select {
	case a := <-got:
		t.Fatalf("answered at once: %+v", a)
	case <-time.After(50 * time.Millisecond):
	}
	io.WriteString(log, "now")
	if a := <-got; a.body != "now" {
		t.Errorf("got %q", a.body)
	}
}

func TestLongpollHeartbeatHasATrailer(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?heartbeat=0.03")
	expect(t, resp.Body, "\n\n")
	if resp.Header.Get("Gaffer-Offset") != "" {
		t.Errorf("header %v", resp.Header)
	}
	io.WriteString(log, "text\n")
	rest, err := io.ReadAll(resp.Body)
	if err != nil || strings.TrimLeft(string(rest), "\n") != "text\n" || resp.Trailer.Get("Gaffer-Offset") != "5" {
		t.Errorf("%q %v, trailer %v", rest, err, resp.Trailer)
	}
	resp = d.open("/log?since=5&heartbeat=0.02&timeout=0.1")
	rest, err = io.ReadAll(resp.Body)
	if err != nil || strings.Trim(string(rest), "\n") != "" || len(rest) == 0 || resp.Trailer.Get("Gaffer-Offset") != "5" {
		t.Errorf("timed out: %q %v, trailer %v", rest, err, resp.Trailer)
	}
	// Data before the first heartbeat: nothing of all that.
	resp = d.open("/log?since=0&heartbeat=10")
	if resp.Header.Get("Gaffer-Offset") != "5" || len(resp.Trailer) != 0 {
		t.Errorf("header %v, trailer %v", resp.Header, resp.Trailer)
	}
}

func TestLongpollTellsOfAGap(t *testing.T) {
	log := overrun(t)
	d := feedServer(t, log)
	a := d.want(200, "GET", "/log?since=5&limit=100", "")
	if got, want := a.header.Get("Gaffer-Missed"), fmt.Sprint(log.Start()-5); got != want {
		t.Errorf("Gaffer-Missed is %q, want %s", got, want)
	}
	if got, want := a.header.Get("Gaffer-Offset"), fmt.Sprint(log.Start()+int64(len(a.body))); got != want {
		t.Errorf("Gaffer-Offset is %q, want %s", got, want)
	}
}

// A user is one caller, whichever way he comes.
func TestCallersHavePlacesOfTheirOwn(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	io.WriteString(log, "a\n")
	d := feedServer(t, log)
	if a := d.get("/log"); a.body != "a\n" {
		t.Errorf("over TCP: %q", a.body)
	}
	io.WriteString(log, "b\n")
	local := &http.Client{Transport: unixTransport(d)}
	resp, err := local.Get("http://localhost/log")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != "b\n" {
		t.Errorf("on the unix socket: %q", text)
	}
}

func TestWholeLines(t *testing.T) {
	for text, n := range map[string]int{
		"": 0, "a": 1, "a\n": 2, "a\nb": 2, "a\rb": 2, "a\r": 2, "a\rb\r": 2, "a\r\n": 3, "a\nb\rc": 2, "\n": 1, "\r": 1,
	} {
		if got := wholeLines([]byte(text)); got != n {
			t.Errorf("%q: %d, want %d", text, got, n)
		}
	}
}

func TestPollsAreBounded(t *testing.T) {
	p := newPolls()
	alive := func(pid int) bool { return pid%1000 == 0 }
	gone := func(pid int) bool { return !alive(pid) }
	for pid := range 10_000 {
		p.move(pollKey{pid, "stdout", "me"}, 1, gone)
	}
	if len(p.places) > 200 {
		t.Errorf("%d places are kept of 10 instances", len(p.places))
	}
	if _, ok := p.get(pollKey{9000, "stdout", "me"}); !ok {
		t.Error("the place in a living instance is forgotten")
	}
	for i := range 3 * maxPolls {
		p.move(pollKey{1000, "stdout", fmt.Sprint(i)}, 1, gone)
	}
	if len(p.places) > maxPolls+1 {
		t.Errorf("%d places are kept", len(p.places))
	}
	p.move(pollKey{1000, "stdout", "back"}, 10, gone)
	p.move(pollKey{1000, "stdout", "back"}, 5, gone)
	if at, _ := p.get(pollKey{1000, "stdout", "back"}); at != 10 {
		t.Errorf("a place moved back to %d", at)
	}
	p.drop(1000, func(int) bool { return true })
	if _, ok := p.get(pollKey{1000, "stdout", "back"}); ok {
		t.Error("drop forgot nothing")
	}
}
