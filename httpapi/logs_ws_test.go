package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func nextMessage(t *testing.T, conn *websocket.Conn) (m logMessage) {
	t.Helper()
	got := receive(t, conn)
	if err := json.Unmarshal([]byte(got.text), &m); err != nil || got.kind != websocket.MessageText {
		t.Fatalf("%v: %v", got, err)
	}
	return m
}

func TestLogsWebsocket(t *testing.T) {
	d := shop(t)
	conn := d.dial("/apps/shop/logs?stream=true&n=2")
	send(t, conn, websocket.MessageText, "what a client says is not listened to")
	oops := nextMessage(t, conn)
	if oops.text(t) != "[worker-1] oops" || oops.Stream != "stderr" || oops.Cursor == "" {
		t.Errorf("%+v", oops)
	}
	nextMessage(t, conn)
	d.tell(1, `out "four\nfive\n"`)
	for _, want := range []string{"[web-1] four", "[web-1] five"} {
		if m := nextMessage(t, conn); m.text(t) != want {
			t.Errorf("%+v, want %s", m, want)
		}
	}
	again := d.dial("/apps/shop/logs?stream=true&cursor=" + oops.Cursor)
	if m := nextMessage(t, again); m.text(t) != "[web-1] three" {
		t.Errorf("%+v", m)
	}
}

// A flood comes whole, in order, and many lines in one write.
func TestLogsWebsocketFlood(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "puppet", "redirect_input", true, "backpressure", true))
	conn := d.dial("/apps/web/logs?stream=true")
	d.tell(pid, "flood %d", 512<<10)
	for n := range 512 << 10 / 16 {
		if m := nextMessage(t, conn); !strings.HasSuffix(m.Log, "] 0123456789abcde\n") {
			t.Fatalf("line %d: %+v", n, m)
		}
	}
}

func TestLogsEndWithTheServer(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{DrainTimeout: patience})
	pid := d.create(child("web", "puppet", "redirect_input", true))
	feed := d.logFeed("/apps/web/logs?stream=true")
	conn := d.dial("/apps/web/logs?stream=true")
	d.tell(pid, `out "last\n"`)
	d.written(pid, "stdout", 5)
	began := time.Now()
	d.stop()
	if _, m := feed.next(); m.text(t) != "[web-1] last" {
		t.Errorf("%+v", m)
	}
	if _, err := feed.r.ReadByte(); err == nil || err.Error() != "EOF" {
		t.Errorf("the feed ends with %v", err)
	}
	if m := nextMessage(t, conn); m.text(t) != "[web-1] last" {
		t.Errorf("%+v", m)
	}
	if e := closed(t, conn); e.Code != websocket.StatusGoingAway {
		t.Errorf("closed with %v", e)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

func TestLogsClientThatIsGone(t *testing.T) {
	d := shop(t)
	conn := d.dial("/apps/shop/logs?stream=true&heartbeat=false")
	conn.CloseNow()
	raw := d.raw("GET /apps/shop/logs?stream=true&heartbeat=false HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(raw), nil); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	began := time.Now()
	d.stop() // waits for the handlers
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

// What is no longer kept is told in every form.
func TestLogsGap(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "puppet", "redirect_input", true))
	d.tell(pid, `out "first\n"`)
	d.written(pid, "stdout", 6)
	cursor := firstMessages(t, d, "/apps/web/logs?stream=true&n=1", 1)[0].Cursor
	d.tell(pid, "wide %d", 32<<20)
	log := d.written(pid, "stdout", 32<<20+6)
	missed := log.Start() - 6
	if missed <= 0 {
		t.Fatal("all is kept")
	}
	// The next read makes room before it finds that there is no more.
	isMissed := func(n int64) bool { return n >= missed && n <= log.Start()-6 }
	a := d.get("/apps/web/logs?cursor=" + cursor)
	var told int64
	if got := dumped(t, a.body)[0]; !scanned(got, "[gaffer] %d bytes of stdout of web-1 are no longer kept", &told) || !isMissed(told) {
		t.Errorf("dump %q, want that %d are missed", got, missed)
	}
	feed := d.logFeed("/apps/web/logs?stream=true&cursor=" + cursor)
	if id, m := feed.next(); id == "" || id != m.Cursor || m.Event != "gap" || m.Name != "gap" || !isMissed(m.Missed) || m.PID != pid || m.Timestamp.IsZero() {
		t.Errorf("%q %+v, want %d missed", id, m, missed)
	}
	m := nextMessage(t, d.dial("/apps/web/logs?stream=true&cursor="+cursor))
	if m.Event != "gap" || !isMissed(m.Missed) {
		t.Errorf("%+v", m)
	}
	// Whoever comes again behind that is not told of it again.
	again := nextMessage(t, d.dial("/apps/web/logs?stream=true&cursor="+m.Cursor))
	if again.Event != "log" {
		t.Errorf("behind the gap: %+v", again)
	}
}

// scanned reports whether text is what format says, to which it sets n.
func scanned(text, format string, n *int64) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil && text == fmt.Sprintf(format, *n)
}

// What is written while corked goes out in one write.
func TestCork(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	c := &corkedConn{Conn: ours, stall: patience}
	got := make(chan string)
	go func() {
		buf := make([]byte, 2*logBatch)
		for {
			n, err := theirs.Read(buf)
			if err != nil {
				close(got)
				return
			}
			got <- string(buf[:n])
		}
	}()
	c.cork()
	for range 3 {
		if _, err := c.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- c.uncork() }()
	if text := <-got; text != "abcabcabc" {
		t.Errorf("got %q in one write", text)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	go c.Write([]byte("d"))
	if text := <-got; text != "d" {
		t.Errorf("got %q", text)
	}
}
