package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestWebsocketAcknowledgesInput(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	stdin := fmt.Sprintf("/streams/%d/stdin", pid)
	d.want(200, "POST", stdin, "before\n")
	conn, resp, err := d.tryDial(fmt.Sprintf("/wstreams/%d?ack=true&binary=true", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if got := resp.Header.Get("Gaffer-Input-Offset"); got != "7" || resp.Header.Get("Gaffer-Stream") != "stdout" || resp.Header.Get("Gaffer-Socket") == "" {
		t.Errorf("got %v", resp.Header)
	}
	acknowledged := func(want string) {
		t.Helper()
		for {
			if m := receive(t, conn); m.kind == websocket.MessageText {
				if m.text != want {
					t.Errorf("got %s, want %s", m.text, want)
				}
				return
			}
		}
	}
	send(t, conn, websocket.MessageBinary, "hello\n")
	acknowledged(`{"event": "input", "written": 6, "offset": 13}`)
	d.want(200, "POST", stdin, "others\n")
	send(t, conn, websocket.MessageText, "again\n")
	acknowledged(`{"event": "input", "written": 12, "offset": 26}`)
	d.want(200, "POST", stdin+"?eof=true", "")
	send(t, conn, websocket.MessageText, "late\n")
	acknowledged(`{"event": "input", "closed": true}`)
}

// A connection that takes the place of another ends it, of which the server need
// not have heard.
func TestWebsocketReplaces(t *testing.T) {
	d := newDaemon(t, Options{})
	pids := map[string]int{}
	for _, name := range []string{"one", "other"} {
		pids[name] = d.create(child(name, "echo", "redirect_input", true))
	}
	dial := func(name, id string) (*websocket.Conn, string) {
		conn, resp, err := d.tryDial(fmt.Sprintf("/wstreams/%d?ack=true&binary=true&replaces=%s", pids[name], id))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseNow() })
		return conn, resp.Header.Get("Gaffer-Socket")
	}
	first, id := dial("one", "")
	dial("other", id) // is no business of this one
	send(t, first, websocket.MessageText, "hello\n")
	receive(t, first)
	receive(t, first)
	dial("one", id)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := first.Read(ctx); err == nil || ctx.Err() != nil {
		t.Error("the first goes on")
	}
	known := &d.server.predecessors
	known.mu.Lock()
	defer known.mu.Unlock()
	if n := len(known.byID); n != 2 {
		t.Errorf("%d connections can be replaced, want 2", n)
	}
}

// A websocket comes in the place of another one also where there may be one alone.
func TestWebsocketTakesAPlace(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{PeerStreams: 1}})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	id := ""
	for i := range 200 {
		conn, resp, err := d.tryDial(fmt.Sprintf("/wstreams/%d?ack=true&replaces=%s", pid, id))
		if err != nil {
			t.Fatalf("the one after %d others: %v", i, err)
		}
		t.Cleanup(func() { conn.CloseNow() })
		id = resp.Header.Get("Gaffer-Socket")
	}
}

// A client that is gone is dropped also while what it has sent waits for a process
// that does not read.
func TestWebsocketOfADeafProcessIsDropped(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("deaf", "deaf", "redirect_input", true))
	d.want(409, "POST", fmt.Sprintf("/streams/%d/stdin?timeout=0.1", pid), strings.Repeat("x", 4<<20))
	in, err := d.manager.Input(pid, "stdin")
	if err != nil {
		t.Fatal(err)
	}
	gone, left, sockets := make(chan struct{}), make(chan struct{}), make(chan *socket, 1)
	d.server.Handle("GET", "/socket", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		k := &socket{server: d.server, pid: pid, input: in}
		if err := k.accept(w, r); err != nil {
			t.Error(err)
			return
		}
		sockets <- k
		k.serve(r.Context(), func(ctx context.Context, parts *sync.WaitGroup) (websocket.StatusCode, string) {
			<-gone
			k.ping(ctx, parts)
			<-ctx.Done()
			return 0, ""
		})
	}), RouteDoc{Summary: "a socket"})
	conn := d.raw("GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	k := <-sockets
	eventually(t, "it waits for a message", func() bool { return k.reading.Load() != 0 })
	const binary, masked = 0x82, 0x80
	io.WriteString(conn, string([]byte{binary, masked | 4, 0, 0, 0, 0})+"text")
	eventually(t, "the message waits for the process", func() bool { return k.reading.Load() == 0 })
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	close(gone)
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("it is still there")
	}
}

// What has come of a message when its connection breaks is not written unmasked.
func TestWebsocketBreaksWithinAMessage(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.raw(fmt.Sprintf("GET /wstreams/%d?ack=true HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", pid))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	const binary, masked, extended = 0x82, 0x80, 126
	io.WriteString(conn, string([]byte{binary, masked | extended, 1000 >> 8, 1000 & 0xff, 'm', 'a', 's', 'k'})+strings.Repeat("x", 100))
	conn.Close()
	next, after, err := d.tryDial(fmt.Sprintf("/wstreams/%d?ack=true&replaces=%s", pid, resp.Header.Get("Gaffer-Socket")))
	if err != nil {
		t.Fatal(err)
	}
	defer next.CloseNow()
	if got := after.Header.Get("Gaffer-Input-Offset"); got != "0" {
		t.Errorf("stdin has taken %s bytes", got)
	}
}
