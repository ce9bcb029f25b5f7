package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dial connects to an instance's websocket.
func (d *daemon) dial(path string, headers ...string) *websocket.Conn {
	d.t.Helper()
	conn, resp, err := d.tryDial(path, headers...)
	if err != nil {
		if resp != nil && resp.Body != nil {
			text, _ := io.ReadAll(resp.Body)
			d.t.Fatalf("%s: %v: %s", path, err, text)
		}
		d.t.Fatalf("%s: %v", path, err)
	}
	conn.SetReadLimit(-1)
	d.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func (d *daemon) tryDial(path string, headers ...string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	return websocket.Dial(ctx, "ws://"+d.address+path, &websocket.DialOptions{HTTPHeader: h})
}

// message is what came from a websocket.
type message struct {
	kind websocket.MessageType
	text string
}

func receive(t *testing.T, conn *websocket.Conn) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return message{kind, string(text)}
}

func (m message) String() string { return fmt.Sprintf("%v %.200q", m.kind, m.text) }

// closed reads to the close of a websocket.
func closed(t *testing.T, conn *websocket.Conn) websocket.CloseError {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			e, ok := errors.AsType[websocket.CloseError](err)
			if !ok {
				t.Fatalf("not closed properly: %v", err)
			}
			return e
		}
	}
}

func send(t *testing.T, conn *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.Write(ctx, kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestWebsocketEcho(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	for i := range 10 {
		text := fmt.Sprintf("ECHO %d\n", i)
		send(t, conn, websocket.MessageText, text)
		if m := receive(t, conn); m != (message{websocket.MessageText, text}) {
			t.Fatalf("got %v", m)
		}
	}
	send(t, conn, websocket.MessageBinary, "\x00\xff")
	if m := receive(t, conn); m != (message{websocket.MessageBinary, "\x00\xff"}) {
		t.Errorf("got %v", m)
	}
	for _, size := range []int{1, 125, 126, 20 << 10, 100 << 10} {
		text := strings.Repeat("x", size)
		send(t, conn, websocket.MessageText, text)
		got := ""
		for len(got) < size {
			got += receive(t, conn).text
		}
		if got != text {
			t.Errorf("of %d bytes come %d: %.50q", size, len(got), got)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestWebsocketTextAndBinary(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{})
	pid := d.create(child("p", "puppet", "redirect_input", true, "restart", "never"))
	text := d.dial(fmt.Sprintf("/wstreams/%d?readonly=true", pid))
	binary := d.dial(fmt.Sprintf("/wstreams/%d?binary=true&readonly=true", pid))
	for _, c := range []struct {
		out  string
		want message
	}{
		{`plain`, message{websocket.MessageText, "plain"}},
		{`a\xe2\x82`, message{websocket.MessageText, "a"}},
		{`\xac!`, message{websocket.MessageText, "€!"}},
		{`\xff\xfe`, message{websocket.MessageBinary, "\xff\xfe"}},
		{`ok\xc3`, message{websocket.MessageText, "ok"}},
	} {
		d.tell(pid, `out "%s"`, c.out)
		if got := receive(t, text); got != c.want {
			t.Errorf("%s: got %v, want %v", c.out, got, c.want)
		}
		if got := receive(t, binary); got.kind != websocket.MessageBinary {
			t.Errorf("%s: got %v, want it binary", c.out, got)
		}
	}
	// Half a rune does not wait for ever.
	if got := receive(t, text); got != (message{websocket.MessageBinary, "\xc3"}) {
		t.Errorf("half a rune: %v", got)
	}
}

func TestWebsocketEnd(t *testing.T) {
	d := newDaemon(t, Options{})
	for command, reason := range map[string]string{"exit 0": "exit 0", "exit 7": "exit 7", "kill 9": "signal 9"} {
		name := strings.ReplaceAll(command, " ", "-")
		pid := d.create(child(name, "puppet", "redirect_input", true, "restart", "never"))
		conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
		send(t, conn, websocket.MessageText, "out \"last words\"\n"+command+"\n")
		if m := receive(t, conn); m.text != "last words" {
			t.Errorf("%s: got %v", command, m)
		}
		if e := closed(t, conn); e.Code != websocket.StatusNormalClosure || e.Reason != reason {
			t.Errorf("%s: closed with %d %q, want %q", command, e.Code, e.Reason, reason)
		}
		// It can be read again.
		conn = d.dial(fmt.Sprintf("/wstreams/%d?since=5", pid))
		if m := receive(t, conn); m.text != "words" {
			t.Errorf("%s: again: %v", command, m)
		}
		if e := closed(t, conn); e.Reason != reason {
			t.Errorf("%s: again: closed with %q", command, e.Reason)
		}
	}
}

func TestWebsocketRefusals(t *testing.T) {
	d := newDaemon(t, Options{AllowOrigins: []string{"https://friend.example"}})
	web := d.create(child("web", "hang"))
	ended := d.create(child("ended", "quit", "restart", "never"))
	d.get("/watch/proc/ended/exit?since=0")
	echo := d.create(child("echo", "echo", "redirect_input", true))
	none := d.create(child("none", "hang", "redirect_output", []string{}, "redirect_input", true))
	for _, c := range []struct {
		path    string
		headers []string
		status  int
		code    string
	}{
		{fmt.Sprintf("/wstreams/%d", web), nil, 403, "forbidden_write"},
		{fmt.Sprintf("/wstreams/%d", ended), nil, 403, "forbidden_write"},
		{fmt.Sprintf("/wstreams/%d?stream=nope", echo), nil, 404, "io_not_found"},
		{fmt.Sprintf("/wstreams/%d", none), nil, 400, "io_not_redirected"},
		{"/wstreams/99", nil, 404, "not_found"},
		{fmt.Sprintf("/wstreams/%d?since=x", echo), nil, 400, "bad_value"},
		{fmt.Sprintf("/wstreams/%d", echo), []string{"Origin", "http://evil.example"}, 403, "cross_origin"},
		{fmt.Sprintf("/wstreams/%d", echo), []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross_origin"},
		{fmt.Sprintf("/wstreams/%d?token=x", echo), nil, 401, "unauthorized"},
	} {
		conn, resp, err := d.tryDial(c.path, c.headers...)
		if err == nil {
			conn.CloseNow()
			t.Errorf("%s %v: let in", c.path, c.headers)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		if a := (answered{resp.StatusCode, resp.Header, string(text)}); a.status != c.status || a.code(t) != c.code {
			t.Errorf("%s %v: %d %s, want %d %s", c.path, c.headers, a.status, a.body, c.status, c.code)
		}
	}
	for _, origin := range []string{"https://friend.example", d.url} {
		conn := d.dial(fmt.Sprintf("/wstreams/%d", echo), "Origin", origin)
		send(t, conn, websocket.MessageText, "x")
		receive(t, conn)
	}
	d.dial(fmt.Sprintf("/wstreams/%d?readonly=true", web))
	d.dial(fmt.Sprintf("/wstreams/%d?stream=stderr", echo))
}

func TestWebsocketGap(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("p", "puppet", "redirect_input", true))
	d.tell(pid, "flood %d", 8<<20)
	log := d.written(pid, "stdout", 8<<20)
	start := log.Start()
	if start == 0 {
		t.Fatal("all of it is kept: the test is of no use")
	}
	// The next read makes room before it finds that there is no more.
	isStart := func(offset int64) bool { return offset >= start && offset <= log.Start() }
	told := d.dial(fmt.Sprintf("/wstreams/%d?since=1&gap=true", pid))
	var gap struct{ Missed int64 }
	if m := receive(t, told); m.kind != websocket.MessageText || json.Unmarshal([]byte(m.text), &gap) != nil || !isStart(1+gap.Missed) {
		t.Errorf("told %v, want %d missed", m, start-1)
	}
	receive(t, told)
	silent := d.dial(fmt.Sprintf("/wstreams/%d?since=1", pid))
	e := closed(t, silent)
	if _, err := fmt.Sscanf(e.Reason, "missed %d bytes", &gap.Missed); e.Code != websocket.StatusPolicyViolation || err != nil || !isStart(1+gap.Missed) {
		t.Errorf("closed with %d %q", e.Code, e.Reason)
	}
	// since=0 is the oldest there is, whatever that is.
	if m := receive(t, d.dial(fmt.Sprintf("/wstreams/%d?since=0", pid))); m.kind != websocket.MessageText {
		t.Errorf("got %v", m.kind)
	}
}

// dialOver is dial, with the connection that the websocket runs on. Each write to
// that is one piece: what the websocket itself writes comes before or behind it.
func (d *daemon) dialOver(path string) (conn *websocket.Conn, under net.Conn) {
	d.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		under, err = new(net.Dialer).DialContext(ctx, network, address)
		return under, err
	}}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+d.address+path, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		d.t.Fatalf("%s: %v", path, err)
	}
	conn.SetReadLimit(-1)
	d.t.Cleanup(func() { conn.CloseNow() })
	return conn, under
}

// maskedFrame is a binary message of one byte over and over, as a client sends it,
// to be written at once. It is masked in a piece that serves many times: to mask all
// of it costs a client more than anything else does under the race detector.
func maskedFrame(text byte, size int) net.Buffers {
	const key = "mask"
	head := appendFrameHead(nil, websocket.MessageBinary, size)
	head[1] |= 0x80
	piece := bytes.Repeat([]byte(key), 64<<10)
	for i := range piece {
		piece[i] ^= text
	}
	frame := net.Buffers{append(head, key...)}
	for ; size > 0; size -= len(piece) {
		frame = append(frame, piece[:min(size, len(piece))])
	}
	return frame
}

func TestWebsocketLargeMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("moves much")
	}
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true, "backpressure", true))
	conn, under := d.dialOver(fmt.Sprintf("/wstreams/%d?binary=true", pid))
	const size = 64 << 20
	got := make(chan int)
	go func() {
		n := 0
		for n < size {
			_, r, err := conn.Reader(t.Context())
			if err != nil {
				t.Error(err)
				break
			}
			m, err := io.Copy(io.Discard, r)
			n += int(m)
			if err != nil {
				t.Error(err)
				break
			}
		}
		got <- n
	}()
	under.SetWriteDeadline(time.Now().Add(patience))
	whole := maskedFrame('x', size)
	if _, err := whole.WriteTo(under); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != size {
		t.Errorf("%d bytes came back", n)
	}
	closes := make(chan websocket.CloseError)
	go func() { closes <- closed(t, conn) }()
	under.SetWriteDeadline(time.Now().Add(patience))
	tooBig := maskedFrame(0, size+1)
	_, _ = tooBig.WriteTo(under) // cut off in the middle, perhaps
	if e := <-closes; e.Code != websocket.StatusMessageTooBig {
		t.Errorf("closed with %d %q", e.Code, e.Reason)
	}
}

func TestWebsocketOutputGoesOnWhileStdinIsNotRead(t *testing.T) {
	d := newDaemon(t, Options{})
	// Prints a line every moment and never reads.
	pid := d.create(map[string]any{"name": "deaf", "cmd": "while :; do echo tick; sleep 0.01; done",
		"shell": true, "redirect_input": true, "graceful_timeout": 0})
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	go func() {
		_ = conn.Write(t.Context(), websocket.MessageBinary, make([]byte, 8<<20)) // until the connection is closed
	}()
	log, err := d.manager.Log(pid, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	for end := log.End() + 100; log.End() < end; {
		receive(t, conn)
	}
}

func TestWebsocketInputAfterTheProcessClosedIt(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("p", "puppet", "redirect_input", true, "restart", "never"))
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	send(t, conn, websocket.MessageText, "closein\n")
	for range 5 {
		send(t, conn, websocket.MessageBinary, strings.Repeat("x", 1<<20))
	}
	if err := conn.CloseRead(t.Context()); err == nil {
		t.Fatal("no context")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		t.Errorf("the connection does not live on: %v", err)
	}
	d.want(200, "POST", "/processes/p/_stop", "")
}

func TestPingsAnswer(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	gone := conn.CloseRead(t.Context())
	ctx, cancel := context.WithTimeout(gone, patience)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestWebsocketThatVanishesIsLetGo(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	conn.CloseNow()
	began := time.Now()
	d.stop() // waits for its handler
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

// A time-out is for a client that does not read. It does not run while there is
// nothing to write: what is written then has a time of its own.
func TestWebsocketAnswersAfterALongSilence(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	d := newDaemon(t, Options{StallTimeout: stall})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.dial(fmt.Sprintf("/wstreams/%d?ack=true&binary=true", pid))
	send(t, conn, websocket.MessageBinary, "hello\n") // is answered, and acknowledged
	receive(t, conn)
	receive(t, conn)
	conn.CloseRead(t.Context())
	for began := time.Now(); time.Since(began) < 3*stall; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := conn.Ping(ctx)
		cancel()
		if err != nil {
			t.Fatalf("a ping after a silence of %v: %v", time.Since(began), err)
		}
	}
}
