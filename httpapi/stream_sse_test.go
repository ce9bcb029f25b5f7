package httpapi

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// line is the event of a line of stdout.
func line(end int, text string) string {
	return fmt.Sprintf("event: stdout\r\nid: %d\r\ndata: %s\r\n\r\n", end, text)
}

func TestEventsourceLines(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=eventsource")
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type is %q", got)
	}
	for _, c := range []struct{ write, want string }{
		{"a\n", line(2, "a")},
		{"\n", line(3, "")},
		{"b\r\nc\rd\n", line(6, "b") + line(8, "c") + line(10, "d")},
		{"\xff\xfe ok\n", line(16, "\ufffd\ufffd ok")},
		{"half \xc3", ""},
		{"\xa4 whole\n", line(30, "half ä whole")},
		{"data: x\n", line(38, "data: x")},
	} {
		io.WriteString(log, c.write)
		expect(t, resp.Body, c.want)
	}
	io.WriteString(log, "last")
	log.Close()
	rest, err := io.ReadAll(resp.Body)
	if string(rest) != line(42, "last") || err != nil {
		t.Errorf("at the end: %q %v", rest, err)
	}
}

func TestEventsourceUnfinishedLine(t *testing.T) {
	t.Parallel()
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=eventsource")
	began := time.Now()
	io.WriteString(log, "password: ")
	expect(t, resp.Body, line(10, "password: "))
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("it came after %v, want to wait for the line's end for a second", took)
	}
	io.WriteString(log, "\nnext\n")
	expect(t, resp.Body, "id: 11\r\n\r\n"+line(16, "next"))
}

func TestEventsourceChunksPerEvent(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	conn := d.raw("GET /log?feed=eventsource HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || len(resp.TransferEncoding) != 1 {
		t.Fatalf("%+v %v", resp, err)
	}
	// What is no flood comes an event a chunk, also written at once.
	io.WriteString(log, "one\ntwo\n")
	for _, e := range []string{line(4, "one"), line(8, "two")} {
		expect(t, r, fmt.Sprintf("%x\r\n%s\r\n", len(e), e))
	}
	// A flood comes whole, in order, in fewer chunks than events.
	var text, want strings.Builder
	at := 8
	for i := range 5000 {
		l := fmt.Sprintf("line %d", i)
		at += len(l) + 1
		text.WriteString(l + "\n")
		want.WriteString(line(at, l))
	}
	io.WriteString(log, text.String())
	log.Close()
	var got strings.Builder
	chunks := 0
	for {
		var size int
		if _, err := fmt.Fscanf(r, "%x\r\n", &size); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			break
		}
		io.CopyN(&got, r, int64(size))
		expect(t, r, "\r\n")
		chunks++
	}
	if got.String() != want.String() {
		t.Errorf("got %d bytes of %d", got.Len(), want.Len())
	}
	if chunks > 1000 {
		t.Errorf("%d chunks for 5000 events", chunks)
	}
}

func TestEventsourceResume(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	io.WriteString(log, "a\nb\nc\n")
	d := feedServer(t, log)
	expect(t, d.open("/log?feed=eventsource&since=2").Body, line(4, "b")+line(6, "c"))
	expect(t, d.open("/log?feed=eventsource&tail=1").Body, line(6, "c"))
	expect(t, d.open("/log?feed=eventsource&since=0", "Last-Event-ID", "4").Body, line(6, "c"))
	d.want(400, "GET", "/log?feed=eventsource&since=x", "")
	if a := d.do("GET", "/log?feed=eventsource", "", "Last-Event-ID", "abc"); a.status != 400 {
		t.Errorf("Last-Event-ID: %d", a.status)
	}
	log.Close()
	// An EventSource comes again after the end, until it is told not to.
	if a := d.do("GET", "/log?feed=eventsource", "", "Last-Event-ID", "6"); a.status != 204 {
		t.Errorf("again after the end: %d %q", a.status, a.body)
	}
	if a := d.get("/log?feed=eventsource&since=4"); a.body != line(6, "c") {
		t.Errorf("finished: %q", a.body)
	}
	if a := d.want(200, "HEAD", "/log?feed=eventsource&since=2", ""); a.header.Get("Content-Type") != "text/event-stream" || a.header.Get("Gaffer-Offset") != "2" {
		t.Errorf("HEAD: %v", a.header)
	}
}

func TestEventsourceTellsOfAGap(t *testing.T) {
	log := overrun(t)
	start := log.Start()
	d := feedServer(t, log)
	resp := d.open("/log?feed=eventsource&since=7")
	if got := resp.Header.Get("Gaffer-Missed"); got != fmt.Sprint(start-7) {
		t.Errorf("Gaffer-Missed is %q", got)
	}
	expect(t, resp.Body, fmt.Sprintf("event: gap\r\nid: %d\r\ndata: {\"missed\": %d}\r\n\r\n", start, start-7))
	expect(t, resp.Body, "event: stdout\r\n")
	exact := d.open("/log?feed=eventsource&encoding=base64&since=7")
	expect(t, exact.Body, fmt.Sprintf("event: gap\r\nid: %d\r\ndata: {\"missed\": %d}\r\n\r\n", start, start-7))
}

func TestEventsourceBase64IsExact(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=eventsource&encoding=base64")
	for at, text := range map[int]string{3: "\x00\xff\n"} {
		io.WriteString(log, text)
		expect(t, resp.Body, fmt.Sprintf("event: stdout\r\nid: %d\r\ndata: %s\r\n\r\n", at, base64.StdEncoding.EncodeToString([]byte(text))))
	}
}

func TestEventsourceHeartbeat(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=eventsource&heartbeat=0.03")
	expect(t, resp.Body, sseBeat+sseBeat)
	io.WriteString(log, "x\n")
	expectAmongBeats(t, resp.Body, line(2, "x"))
}

// An unfinished line waits for its end for as long as it does without heartbeats,
// whoever sends it.
func TestHeartbeatsDoNotHoldALineBack(t *testing.T) {
	t.Parallel()
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	embedded := httptest.NewServer(d.server.Handler())
	defer embedded.Close()
	const path = "/log?feed=eventsource&heartbeat=0.1"
	alone, err := embedded.Client().Get(embedded.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Body.Close()
	seated := d.open(path)
	expect(t, seated.Body, sseBeat)
	io.WriteString(log, "password: ")
	expectAmongBeats(t, seated.Body, line(10, "password: "))
	expectAmongBeats(t, alone.Body, line(10, "password: "))
}

// expectAmongBeats reads text and the heartbeats before it.
func expectAmongBeats(t *testing.T, r io.Reader, text string) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(got), text); got = append(got, b...) {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("%.300q and then %v, want %q", got, err, text)
		}
	}
	if rest := strings.ReplaceAll(strings.TrimSuffix(string(got), text), sseBeat, ""); rest != "" {
		t.Errorf("between the heartbeats: %q", rest)
	}
}

// recorder is a client that takes everything at once.
type recorder struct {
	mu   sync.Mutex // guards sent
	sent []string
}

func (r *recorder) Header() http.Header { return http.Header{} }
func (r *recorder) WriteHeader(int)     {}
func (r *recorder) FlushError() error   { return nil }

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, string(p))
	return len(p), nil
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

func TestHeartbeatsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := streams.NewLog(streams.Options{})
		s := &Server{stallTimeout: time.Minute}
		w := &recorder{}
		req := &reading{query: &query{}, label: "stdout", log: log}
		done := make(chan struct{})
		go func() {
			defer close(done)
			from := lineEvents(req, 0)
			defer from.close()
			s.sendEvents(s.startFeed(w, httptest.NewRequest("GET", "/", nil), sseType), t.Context(), from, sseHeartbeat)
		}()
		time.Sleep(14 * time.Second)
		io.WriteString(log, "a\n")
		time.Sleep(14 * time.Second)
		synctest.Wait()
		if sent := w.all(); len(sent) != 1 {
			t.Errorf("after 28 s with an event in the middle: %q", sent)
		}
		time.Sleep(32 * time.Second)
		synctest.Wait()
		if sent := w.all(); len(sent) != 4 || sent[1] != sseBeat { // at 29, 44 and 59 s
			t.Errorf("after 60 s: %q", sent)
		}
		log.Close()
		<-done
	})
}

// TestEventsourceHoldsOneReader has a stream that waits for its readers, and one
// reader.
func TestEventsourceHoldsOneReader(t *testing.T) {
	for _, encoding := range []string{"utf-8", "base64"} {
		log := streams.NewLog(streams.Options{Window: 64 << 10, MaxWindow: 64 << 10, Backpressure: true})
		d := feedServer(t, log)
		resp := d.open("/log?feed=eventsource&encoding=" + encoding)
		written := make(chan struct{})
		go func() {
			defer close(written)
			io.WriteString(log, strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000))
			log.Close()
		}()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("%s: %v", encoding, err)
		}
		log.Close() // lets a writer go that waits
		<-written
	}
}
