package httpapi

import (
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

// TestReplaced holds what clients are told when another process goes on: feeds
// are broken off, server-sent events with a word about when to come again, and
// what waits for something is answered.
func TestReplaced(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	d.written(d.create(child("deaf", "stubborn", "graceful_timeout", 4)), "stdout", int64(len("up\n")))
	feeds := map[string]*http.Response{}
	for _, path := range []string{
		fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid),
		fmt.Sprintf("/streams/%d/stdout?feed=eventsource", pid),
		"/watch?feed=eventsource", "/watch?feed=continuous",
		"/stats/echo?feed=eventsource", "/apps/echo/logs?stream=true",
	} {
		feeds[path] = d.open(path)
	}
	var polls []net.Conn
	for _, path := range []string{"/watch/flap", fmt.Sprintf("/streams/%d/stderr", pid)} {
		polls = append(polls, d.raw("GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
	}
	stopped := make(chan answered, 1)
	go func() { stopped <- d.do("POST", "/processes/deaf/_stop?wait=true", "") }()
	socket, logs := d.dial(fmt.Sprintf("/wstreams/%d", pid)), d.dial("/apps/echo/logs?stream=true")
	silent := d.raw("") // asks only after the server has begun to go
	eventually(t, "the stop to be wanted", func() bool {
		st, err := d.manager.Status("deaf")
		return err == nil && !st.Active
	})
	closes := make(chan websocket.CloseError, 2)
	for _, conn := range []*websocket.Conn{socket, logs} {
		go func() { closes <- closed(t, conn) }()
	}
	d.get("/ping") // so that the polls have been accepted

	d.replace()

	for path, resp := range feeds {
		body, err := io.ReadAll(resp.Body)
		if err == nil {
			t.Errorf("%s ended as if it was the end", path)
		}
		sse := strings.HasPrefix(resp.Header.Get("Content-Type"), sseType)
		if got := strings.HasSuffix(string(body), retryNow); got != sse {
			t.Errorf("%s ends with %q", path, body)
		}
	}
	for range 2 {
		if e := <-closes; e.Code != websocket.StatusServiceRestart {
			t.Errorf("websocket closed with %d %q", e.Code, e.Reason)
		}
	}
	for _, c := range polls {
		if answer, _ := io.ReadAll(c); !strings.HasPrefix(string(answer), "HTTP/1.1 204") {
			t.Errorf("poll: %q", answer)
		}
	}
	if a := <-stopped; a.status != 200 || !strings.Contains(a.body, `"done":false`) {
		t.Errorf("stop: %d %s", a.status, a.body)
	}
	io.Copy(io.Discard, silent)
}

// TestReplacedServerAnswers holds that a request is answered that comes on a
// connection which was there before.
func TestReplacedServerAnswers(t *testing.T) {
	d := newDaemon(t, Options{})
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	half := d.raw("GET /ping HTTP/1.1\r\nHo")
	d.get("/ping") // so that those before are accepted
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.replace()
	}()
	eventually(t, "the end to begin", func() bool {
		c, err := net.Dial("tcp", d.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	fmt.Fprint(half, "st: localhost\r\nConnection: close\r\n\r\n")
	fmt.Fprint(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	for _, c := range []net.Conn{half, conn} {
		answer, err := io.ReadAll(c)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Errorf("answered %q, %v", answer, err)
		}
	}
	<-done
}

// lateListener accepts its one connection when it was closed a moment ago: as one does
// whose goroutine has had to wait for a core behind the system call.
type lateListener struct {
	net.Listener
	once     sync.Once
	asked    chan struct{}
	closed   chan struct{}
	accepted chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	select {
	case <-l.accepted:
		return nil, net.ErrClosed
	default:
	}
	close(l.asked)
	<-l.closed
	defer close(l.accepted)
	<-time.After(50 * time.Millisecond) // for the core
	return l.Listener.Accept()
}

func (l *lateListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// TestReplacedWhileAccepting has a request come on a connection that is accepted while
// the server ends for another.
func TestReplacedWhileAccepting(t *testing.T) {
	for name, serve := range map[string]func(ctx context.Context, l net.Listener){
		"server":   func(ctx context.Context, l net.Listener) { newDaemon(t, Options{}).server.Serve(ctx, l) },
		"starting": func(ctx context.Context, l net.Listener) { ServeStarting(ctx, l) },
	} {
		t.Run(name, func(t *testing.T) {
			tcp, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			late := &lateListener{Listener: tcp, asked: make(chan struct{}), closed: make(chan struct{}), accepted: make(chan struct{})}
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				serve(ctx, late)
			}()
			conn, err := net.Dial("tcp", tcp.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprint(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			<-late.asked
			cancel(ErrReplaced)
			if answer, err := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
				t.Errorf("answered %q, %v", answer, err)
			}
			<-done
		})
	}
}
