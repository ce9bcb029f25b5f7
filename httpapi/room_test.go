package httpapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// request sends one request on a connection of its own and returns the answer.
func (d *daemon) request(conn net.Conn, head string) (*http.Response, problemBody) {
	d.t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", head)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		d.t.Fatalf("%s: %v", head, err)
	}
	defer resp.Body.Close()
	var p problemBody
	if resp.StatusCode >= 400 {
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
			d.t.Errorf("%s: %s: %v", head, resp.Status, err)
		}
	}
	return resp, p
}

// isClosed waits for the server to close a connection.
func isClosed(t *testing.T, conn net.Conn, what string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("%s: read %d bytes, %v, want it closed", what, n, err)
	}
}

// TestRoomIsMade has a peer open more connections than it may. Those that ask for
// nothing have to go, the oldest first; those in use stay.
func TestRoomIsMade(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{PeerConnections: 4}})
	feed := d.raw("GET /watch?feed=continuous&heartbeat=0.05 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	expect(t, feed, "HTTP/1.1 200 OK\r\n")
	silent := d.raw("")
	half := d.raw("GET /ping HTTP/1.1\r\nHost: ")
	kept := d.raw("")
	if resp, _ := d.request(kept, "GET /ping"); resp.StatusCode != 200 || resp.Close {
		t.Fatal(resp.Status)
	}
	ping := func() {
		t.Helper()
		if resp, _ := d.request(d.raw(""), "GET /ping"); resp.StatusCode != 200 {
			t.Errorf("ping: %s", resp.Status)
		}
	}
	ping()
	isClosed(t, silent, "silent")
	ping()
	isClosed(t, half, "half")
	// When the server takes kept for idle nobody can see: it has answered before.
	eventually(t, "kept has its turn", func() bool {
		ping()
		kept.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := kept.Read(make([]byte, 1))
		return err != nil && !os.IsTimeout(err)
	})
	more := make([]byte, 100)
	feed.SetReadDeadline(time.Now().Add(patience))
	for range 3 { // it is still sent to
		if _, err := feed.Read(more); err != nil {
			t.Errorf("the feed: %v", err)
		}
	}
}

// TestReserve has all connections be in use. There is still room for short
// requests, and for nothing that lasts.
func TestReserve(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		status int
	}{
		{Limits{Connections: 8, PeerConnections: 3}, http.StatusTooManyRequests},
		{Limits{Connections: 3, PeerConnections: 3}, http.StatusTooManyRequests},
		{Limits{Connections: 3, PeerConnections: 8}, http.StatusServiceUnavailable},
	} {
		d := newDaemon(t, Options{Limits: c.limits})
		pid := d.create(child("echo", "echo", "redirect_input", true))
		d.client.CloseIdleConnections()
		var feeds []net.Conn
		for len(feeds) < 3 {
			// The server may be yet to hear that the connection before is not in use.
			eventually(t, "room for a feed", func() bool {
				feed := d.raw("GET /watch?feed=continuous&heartbeat=0.05 HTTP/1.1\r\nHost: localhost\r\n\r\n")
				status := make([]byte, len("HTTP/1.1 200"))
				if _, err := io.ReadFull(feed, status); err != nil || string(status) != "HTTP/1.1 200" {
					feed.Close()
					return false
				}
				feeds = append(feeds, feed)
				return true
			})
		}
		for range 2 * reserved { // silent ones do not fill the reserve
			d.raw("")
		}
		for _, head := range []string{"GET /ping", "GET /processes", "POST /processes/echo/_add"} {
			if resp, _ := d.request(d.raw(""), head); resp.StatusCode != 200 || !resp.Close {
				t.Errorf("%+v: %s: %s, closing %v", c.limits, head, resp.Status, resp.Close)
			}
		}
		for _, head := range []string{
			"GET /watch", "GET /watch?feed=eventsource", "GET /stats?feed=continuous", "POST /processes/echo/_restart?wait=true",
			fmt.Sprintf("GET /streams/%d/stdout", pid), fmt.Sprintf("POST /streams/%d/stdin", pid), "GET /apps/echo/logs?stream=true",
		} {
			resp, p := d.request(d.raw(""), head)
			if resp.StatusCode != c.status || p.Error != "too_many" || !strings.Contains(p.Reason, "raise") || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%+v: %s: %s %+v %v", c.limits, head, resp.Status, p, resp.Header)
			}
		}
		for _, feed := range feeds {
			feed.Close()
		}
		eventually(t, "room for what lasts", func() bool {
			resp, _ := d.request(d.raw(""), "GET /watch?timeout=0")
			return resp.StatusCode == http.StatusNoContent && !resp.Close
		})
	}
}

// TestNoRoomAtAll fills the reserve too, with requests that take their time.
func TestNoRoomAtAll(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{Connections: 1, PeerConnections: 1}})
	release := make(chan struct{})
	begun := make(chan struct{}, 2*reserved)
	d.server.Handle("GET", "/slow", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-release
	}), RouteDoc{})
	for range 1 + reserved {
		d.raw("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-begun
	}
	conn := d.raw("")
	conn.SetDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	a := answered{resp.StatusCode, resp.Header, string(text)}
	if err != nil || a.status != http.StatusServiceUnavailable || a.code(t) != "too_many" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %q, %v", a.status, a.header, a.body, err)
	}
	close(release)
	eventually(t, "room again", func() bool {
		conn, err := net.Dial("tcp", d.address)
		if err != nil {
			return false
		}
		defer conn.Close()
		resp, _ := d.request(conn, "GET /ping")
		return resp.StatusCode == 200
	})
}

// TestRoomIsGivenBack counts what is left of connections of every kind.
func TestRoomIsGivenBack(t *testing.T) {
	room := newRoom(Limits{Connections: 2, PeerConnections: 2})
	defer room.close()
	var conns []net.Conn
	enter := func() *guest {
		ours, theirs := net.Pipe()
		conns = append(conns, ours, theirs)
		g, _ := room.enter(context.Background(), theirs).Value(guestKey{}).(*guest)
		room.changed(theirs, http.StateNew)
		return g
	}
	plain, socket, evicted := enter(), enter(), (*guest)(nil)
	room.begin(socket)
	socket.letIn()
	room.changed(socket.conn, http.StateHijacked)
	room.changed(plain.conn, http.StateActive)
	room.begin(plain)
	if !plain.letIn() {
		t.Error("one for whom there is room has to go")
	}
	room.end(plain)
	if plain.waits() {
		t.Error("one whose answer is not sent yet waits")
	}
	room.changed(plain.conn, http.StateIdle)
	room.begin(plain)
	evicted, plain = plain, enter()
	if !evicted.gone || evicted.letIn() || room.count != 2 {
		t.Errorf("%d connections, and the idle one is gone: %v", room.count, evicted.gone)
	}
	room.changed(evicted.conn, http.StateClosed)
	room.end(socket)
	room.changed(plain.conn, http.StateClosed)
	if room.count != 0 || len(room.guests) != 0 || len(room.peers) != 0 || len(room.short) != 0 {
		t.Errorf("left are %d connections, %d guests, %d peers, %d short ones", room.count, len(room.guests), len(room.peers), len(room.short))
	}
	for _, c := range conns {
		c.Close()
	}
}

// A connection of HTTP/2 waits again also when its only request was given up.
func TestResetStreamLeavesAConnectionThatWaits(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{Connections: 1, PeerConnections: 1}})
	origin, pool := d.serveTLS()
	get := func(ctx context.Context, path string) (status int) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		r, err := http.NewRequestWithContext(ctx, "GET", origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	ctx, giveUp := context.WithCancel(t.Context())
	if status := get(ctx, "/watch?feed=eventsource"); status != http.StatusOK {
		t.Fatal(status)
	}
	giveUp()
	eventually(t, "room for what lasts", func() bool { return get(t.Context(), "/watch?timeout=0") == http.StatusNoContent })
}

// starved is a listener that has no descriptors for a while.
type starved struct {
	net.Listener
	failures int
}

func (l *starved) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestNoDescriptors accepts with descriptors that were held back.
func TestNoDescriptors(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	room := newRoom(Limits{Connections: 10, PeerConnections: 10})
	defer room.close()
	l := room.listener(&starved{tcp, spareFiles})
	accept := func() *guest {
		t.Helper()
		conn, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { accepted.Close() })
		g, _ := room.enter(context.Background(), accepted).Value(guestKey{}).(*guest)
		return g
	}
	g := accept()
	if g.short == nil || len(room.spares.files) != 0 {
		t.Errorf("with spare descriptors it is taken as %+v, and %d are left", g, len(room.spares.files))
	}
	room.changed(g.conn, http.StateClosed)
	if len(room.spares.files) != spareFiles {
		t.Errorf("%d descriptors are held again", len(room.spares.files))
	}
	if g := accept(); g.short != nil {
		t.Errorf("with descriptors it is taken as %v", g.short)
	}
}

// TestStreamsOfAPeer opens more than one may.
func TestStreamsOfAPeer(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{PeerStreams: 2}})
	first := d.open("/watch?feed=continuous")
	defer first.Body.Close()
	second := d.open("/watch?feed=eventsource")
	a := d.get("/watch")
	if a.status != http.StatusTooManyRequests || a.code(t) != "too_many" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	d.want(200, "GET", "/processes", "")
	second.Body.Close()
	eventually(t, "room for another", func() bool { return d.get("/watch?timeout=0").status == http.StatusNoContent })
}

// TestLimitsOfRequests is about a body and a head that are too large or too late.
func TestLimitsOfRequests(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{Body: 100, HeaderTimeout: 100 * time.Millisecond, IdleTimeout: 100 * time.Millisecond}})
	a := d.do("POST", "/processes", `{"name": "x", "cmd": "true", "env": {"A": "`+strings.Repeat("x", 100)+`"}}`)
	if a.status != 413 || a.code(t) != "body_too_large" || !strings.Contains(a.body, "100 bytes") {
		t.Errorf("%d %s", a.status, a.body)
	}
	half := d.raw("GET /ping HTTP/1.1\r\n")
	if text, err := io.ReadAll(half); err != nil || len(text) > 0 && !strings.Contains(string(text), "408") {
		t.Errorf("half a head: %q, %v", text, err)
	}
	idle := d.raw("")
	if resp, _ := d.request(idle, "GET /ping"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	isClosed(t, idle, "idle")
}

// TestTooManyProcesses creates more than there may be.
func TestTooManyProcesses(t *testing.T) {
	d := newDaemonOf(t, manager.Options{MaxProcesses: 1}, Options{})
	d.want(200, "POST", "/processes", `{"name": "a", "cmd": "true", "start": false}`)
	for _, path := range []string{"/processes", "/run"} {
		body := `{"cmd": "true"}`
		if path == "/processes" {
			body = `{"name": "b", "cmd": "true"}`
		}
		a := d.do("POST", path, body)
		if a.status != 429 || a.code(t) != "too_many" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	d.want(200, "DELETE", "/processes/a?wait=true", "")
	d.want(200, "POST", "/processes", `{"name": "b", "cmd": "true", "start": false}`)
}
