package httpapi

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func TestContinuousIsByteExact(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("p", "puppet", "redirect_input", true, "restart", "never"))
	const size = 8 << 20
	const readers = 4
	sums := make(chan [32]byte, readers)
	for range readers {
		resp := d.open(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
		if got := resp.Header.Get("Content-Type"); got != streamType {
			t.Errorf("Content-Type is %q", got)
		}
		if got := resp.Header.Get("Gaffer-Offset"); got != "0" {
			t.Errorf("Gaffer-Offset is %q", got)
		}
		go func() {
			h := sha256.New()
			if _, err := io.Copy(h, resp.Body); err != nil {
				t.Errorf("the response did not end properly: %v", err)
			}
			sums <- [32]byte(h.Sum(nil))
		}()
	}
	d.tell(pid, "flood %d", size)
	d.tell(pid, `out "the end"`) // no line end, and at once
	d.tell(pid, "exit 0")
	h := sha256.New()
	io.WriteString(h, strings.Repeat("0123456789abcde\n", size/16)+"the end")
	for range readers {
		if got := <-sums; got != [32]byte(h.Sum(nil)) {
			t.Error("a reader got other bytes")
		}
	}
}

func TestContinuousFromWhere(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	io.WriteString(log, "one\ntwo\nthree\n")
	d := feedServer(t, log)
	type opened struct {
		query, offset string
		headers       []string
		want          string
	}
	cases := []opened{
		{"", "14", nil, "four\n"},
		{"&since=0", "0", nil, "one\ntwo\nthree\nfour\n"},
		{"&since=4", "4", nil, "two\nthree\nfour\n"},
		{"&since=99", "14", nil, "four\n"},
		{"&tail=1", "8", nil, "three\nfour\n"},
		{"&tail=0", "14", nil, "four\n"},
		{"&tail=50", "0", nil, "one\ntwo\nthree\nfour\n"},
		{"&since=0", "8", []string{"Last-Event-ID", "8"}, "three\nfour\n"},
	}
	var bodies []io.Reader
	for _, c := range cases {
		resp := d.open("/log?feed=continuous"+c.query, c.headers...)
		if got := resp.Header.Get("Gaffer-Offset"); got != c.offset {
			t.Errorf("%q: Gaffer-Offset is %s, want %s", c.query, got, c.offset)
		}
		bodies = append(bodies, resp.Body)
	}
	head := d.want(200, "HEAD", "/log?feed=continuous&since=4", "")
	if head.header.Get("Gaffer-Offset") != "4" || head.header.Get("Content-Type") != streamType {
		t.Errorf("HEAD: %v", head.header)
	}
	io.WriteString(log, "four\n")
	log.Close()
	for i, c := range cases {
		if got, err := io.ReadAll(bodies[i]); string(got) != c.want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", c.query, got, err, c.want)
		}
	}
}

func TestChunksAreAsWrittenEvenForConnectionClose(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	conn := d.raw("GET /log?feed=continuous HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || len(resp.TransferEncoding) != 1 || resp.TransferEncoding[0] != "chunked" || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%+v %v", resp, err)
	}
	for _, text := range []string{"a", strings.Repeat("b", 100), strings.Repeat("c", 400)} {
		io.WriteString(log, text)
		expect(t, r, fmt.Sprintf("%x\r\n%s\r\n", len(text), text))
	}
	log.Close()
	expect(t, r, "0\r\n\r\n")
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("after the last chunk: %v", err)
	}
}

// TestConnectionGoesOnAfterAFeed gets large chunks and, on the same connection,
// the next answer.
func TestConnectionGoesOnAfterAFeed(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	text := strings.Repeat("0123456789abcde\n", 40<<10)
	io.WriteString(log, text)
	log.Close()
	d := feedServer(t, log)
	for _, network := range []string{"tcp", "unix"} {
		conn, err := net.Dial(network, map[string]string{"tcp": d.address, "unix": d.unix}[network])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for i := range 3 {
			fmt.Fprint(conn, "GET /log?feed=continuous&since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%s, answer %d: %v", network, i, err)
			}
			if got, err := io.ReadAll(resp.Body); string(got) != text || err != nil {
				t.Fatalf("%s, answer %d: %d bytes, %v", network, i, len(got), err)
			}
		}
	}
}

func TestContinuousHeartbeat(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=continuous&heartbeat=0.05")
	expect(t, resp.Body, "\n\n")
	io.WriteString(log, "x")
	b := make([]byte, 1)
	for b[0] != 'x' {
		if _, err := io.ReadFull(resp.Body, b); err != nil || b[0] != '\n' && b[0] != 'x' {
			t.Fatalf("%q %v", b, err)
		}
	}
}

// What comes is a sign of life: a heartbeat is for silence alone. A machine so slow
// that it makes one is given more than one try.
func TestContinuousHeartbeatWaitsForSilence(t *testing.T) {
	t.Parallel()
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	const heartbeat, pause, count = 500 * time.Millisecond, 50 * time.Millisecond, 20
	for range 10 {
		resp := d.open(fmt.Sprintf("/log?feed=continuous&heartbeat=%g", heartbeat.Seconds()))
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		slowest, last := time.Duration(0), time.Now()
		for range count {
			<-ticker.C
			io.WriteString(log, "x")
			slowest, last = max(slowest, time.Since(last)), time.Now()
		}
		if slowest > heartbeat/2 {
			continue
		}
		got := make([]byte, count+1)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != strings.Repeat("x", count)+"\n" {
			t.Errorf("%q, %v", got, err)
		}
		return
	}
}

// overrun makes a log of which only the last bytes are kept.
func overrun(t *testing.T) *streams.Log {
	log := streams.NewLog(streams.Options{Window: 64 << 10, MaxWindow: 64 << 10})
	for log.Start() == 0 {
		io.WriteString(log, strings.Repeat("0123456789abcde\n", 1<<10))
	}
	return log
}

func TestContinuousTellsOfAGap(t *testing.T) {
	log := overrun(t)
	d := feedServer(t, log)

	// Gone before the request: told in the header, and the rest comes.
	resp := d.open("/log?feed=continuous&since=3")
	start := log.Start()
	if got := resp.Header.Get("Gaffer-Missed"); got != fmt.Sprint(start-3) {
		t.Errorf("Gaffer-Missed is %q, want %d", got, start-3)
	}
	if got := resp.Header.Get("Gaffer-Offset"); got != fmt.Sprint(start) {
		t.Errorf("Gaffer-Offset is %q, want %d", got, start)
	}

	// Gone while the client does not read: broken off, unless it asked to skip.
	for _, query := range []string{"", "&gap=skip"} {
		log := streams.NewLog(streams.Options{Window: 64 << 10, MaxWindow: 64 << 10})
		d := feedServer(t, log)
		resp := d.open("/log?feed=continuous" + query)
		total := int64(0)
		for piece := strings.Repeat("x", 64<<10); total < 64<<20; total += int64(len(piece)) {
			io.WriteString(log, piece)
		}
		log.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		switch {
		case n >= total:
			t.Fatalf("nothing was missed: the test is of no use")
		case query == "" && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("the gap was not told: %d of %d bytes, %v", n, total, err)
		case query != "" && err != nil:
			t.Errorf("gap=skip: %v", err)
		}
	}
}

func TestBreakIsNoEndInHTTP10(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	const request = "GET /log?feed=continuous HTTP/1.0\r\nHost: localhost\r\n\r\n"
	broken := d.raw(request)
	expect(t, broken, "HTTP/1.0 200 OK\r\n")
	d.stop()
	if _, err := io.Copy(io.Discard, broken); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("broken off: %v, want a reset", err)
	}
	d = feedServer(t, log)
	ended := d.raw(request)
	expect(t, ended, "HTTP/1.0 200 OK\r\n")
	log.Close()
	if _, err := io.Copy(io.Discard, ended); err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestClientThatLeavesEndsTheHandler(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := newDaemon(t, Options{})
	left := make(chan struct{})
	d.server.Handle("GET", "/log", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		q := queryOf(r)
		d.server.continuous(w, r, &reading{query: q, log: log, place: placeOf(r, q), done: func() {}})
	}), RouteDoc{})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", d.url+"/log", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	<-left
}

func TestFinishedStreamStaysReadable(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("q", "quit", "text", "a\nb\nlast words", "restart", "never"))
	d.get("/watch/proc/q/exit?since=0") // wait for the end
	for _, c := range []struct{ query, want string }{
		{"feed=continuous&since=0", "a\nb\nlast words"},
		{"feed=continuous&tail=1", "last words"},
		{"feed=continuous", ""},
		{"feed=longpoll&since=2", "b\n"},
		{"feed=longpoll&since=4", "last words"},
	} {
		if a := d.want(200, "GET", fmt.Sprintf("/streams/%d/stdout?%s", pid, c.query), ""); a.body != c.want {
			t.Errorf("%s: %q, want %q", c.query, a.body, c.want)
		}
	}
	if a := d.want(204, "GET", fmt.Sprintf("/streams/%d/stdout?since=14", pid), ""); a.header.Get("Gaffer-Offset") != "14" {
		t.Errorf("at the end: %v", a.header)
	}
	if a := d.get(fmt.Sprintf("/processes/%d", pid)); a.status != 404 {
		t.Errorf("the instance itself: %d", a.status)
	}
}

func TestStreamsThatAreNotThere(t *testing.T) {
	d := newDaemon(t, Options{})
	none := d.create(child("none", "hang", "redirect_output", []string{}))
	both := d.create(child("both", "hang", "redirect_output", []string{"all", "all"}))
	for _, c := range []struct {
		pid   int
		label string
		code  string
	}{
		{none, "stdout", "io_not_redirected"}, {none, "x", "io_not_found"}, {both, "x", "io_not_found"},
	} {
		for _, feed := range []string{"longpoll", "continuous", "eventsource"} {
			if a := d.get(fmt.Sprintf("/streams/%d/%s?feed=%s", c.pid, c.label, feed)); a.code(t) != c.code {
				t.Errorf("%s %s: %d %s, want %s", c.label, feed, a.status, a.body, c.code)
			}
		}
	}
	d.want(200, "GET", fmt.Sprintf("/streams/%d/all?feed=longpoll", d.create(child("said", "quit", "text", "x", "redirect_output", []string{"all", "all"}, "restart", "never"))), "")
}
