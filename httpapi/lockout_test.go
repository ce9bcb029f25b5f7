package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// lockouts are the ways in which a token comes to its end.
var lockouts = map[string]func(d *daemon, name string){
	"revoked": func(d *daemon, name string) {
		if err := d.server.gate.Tokens.Revoke(name); err != nil {
			d.t.Error(err)
		}
	},
	"expired": func(d *daemon, name string) {}, // it does so by itself
}

// lockedOut makes a token that ends with a call of end, or soon.
func (d *daemon) lockedOut(how string, scope tokens.Scope) (headers []string, end func()) {
	token := tokens.Token{Name: "old", Scope: scope}
	if how == "expired" {
		token.Expires = time.Now().Add(3 * time.Second)
	}
	secret, err := d.server.gate.Tokens.Add(token)
	if err != nil {
		d.t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + secret}, func() { lockouts[how](d, "old") }
}

// A feed ends with the token that it was asked for with, whoever writes it: net/http,
// a goroutine of its own, or an audience.
func TestFeedsEndWithTheirToken(t *testing.T) {
	for how := range lockouts {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, Options{})
			pid := d.create(child("web", "print", "text", "hello\n"))
			d.written(pid, "stdout", 6)
			headers, end := d.lockedOut(how, tokens.Read)
			var feeds []*http.Response
			for _, path := range []string{
				fmt.Sprintf("/streams/%d/stdout?since=0&feed=continuous", pid),
				fmt.Sprintf("/streams/%d/stdout?since=0&feed=eventsource", pid),
				"/watch?feed=continuous", "/watch?feed=eventsource", "/stats?feed=continuous&interval=3600",
				"/apps/web/logs?stream=true", strings.TrimPrefix(d.logsURL("web", headers...), d.url) + "&stream=true",
			} {
				feeds = append(feeds, d.open(path, headers...))
			}
			stays := d.open(fmt.Sprintf("/streams/%d/stdout?since=0&feed=eventsource", pid))
			end()
			for _, feed := range feeds {
				if text, err := io.ReadAll(feed.Body); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s has %q, and then %v, want that it is broken off", feed.Request.URL.Path, text, err)
				}
			}
			d.want(200, "POST", "/processes/web/_stop?wait=true", "")
			if _, err := io.ReadAll(stays.Body); err != nil {
				t.Errorf("that of somebody else: %v", err)
			}
		})
	}
}

// A feed with always more to send ends with its token too, whoever serves it.
func TestBusyFeedsEndWithTheirToken(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(map[string]any{"name": "busy", "cmd": "yes", "backpressure": true, "graceful_timeout": 0})
	embedded := httptest.NewServer(d.server.Handler())
	defer embedded.Close()
	headers, end := d.lockedOut("revoked", tokens.Read)
	open := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", embedded.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headers[0], headers[1])
		resp, err := embedded.Client().Do(r)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		return resp
	}
	stream := fmt.Sprintf("/streams/%d/stdout", pid)
	busy := []*http.Response{
		open(stream + "?feed=continuous"), open(stream + "?feed=eventsource"),
		d.open(stream+"?feed=eventsource", headers...), d.open(stream+"?feed=eventsource&encoding=base64", headers...),
	}
	stalled := open(stream + "?feed=continuous") // nobody reads it
	socket := d.dial(fmt.Sprintf("/wstreams/%d?readonly=true", pid), headers...)
	socket.SetReadLimit(-1)
	var reads sync.WaitGroup
	begun := make(chan struct{}, len(busy)+1)
	for _, feed := range busy {
		reads.Go(func() {
			_, err := io.CopyN(io.Discard, feed.Body, 1<<20)
			begun <- struct{}{}
			pace := time.NewTicker(5 * time.Millisecond) // slower than what comes
			defer pace.Stop()
			for until := time.Now().Add(patience / 2); err == nil && time.Now().Before(until); <-pace.C {
				_, err = io.CopyN(io.Discard, feed.Body, 64<<10)
			}
			if err == nil || err == io.EOF {
				t.Errorf("%s: %v, want that it is broken off", feed.Request.URL, err)
			}
			feed.Body.Close()
		})
	}
	reads.Go(func() {
		_, _, err := socket.Read(t.Context())
		begun <- struct{}{}
		for until := time.Now().Add(patience / 2); err == nil && time.Now().Before(until); {
			_, _, err = socket.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("the websocket: %v", err)
		}
	})
	for range cap(begun) {
		<-begun
	}
	end()
	reads.Wait()
	eventually(t, "that who does not read has no place any more", func() bool { return d.lasting() == 0 })
	stalled.Body.Close()
}

// What a request asks for is not done if its token has ended while its body came.
func TestSlowBodiesEndWithTheirToken(t *testing.T) {
	d := newDaemon(t, Options{})
	d.create(child("web", "hang"))
	headers, end := d.lockedOut("revoked", tokens.Admin)
	head := fmt.Sprintf(" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n%s: %s\r\nExpect: 100-continue\r\n\r\n", headers[0], headers[1])
	body := `{"name": "more", "scope": "admin"}      `
	var conns []net.Conn
	for _, request := range []string{"POST /tokens", "POST /processes/web/_stop"} {
		conn := d.raw(request + head)
		expect(t, conn, "HTTP/1.1 100 Continue\r\n\r\n") // it was let in, and its body is being read
		conns = append(conns, conn)
	}
	end()
	for _, conn := range conns {
		io.WriteString(conn, body)
		expect(t, conn, "HTTP/1.1 401 ")
	}
	if status, err := d.manager.Status("web"); err != nil || !status.Active || len(d.server.gate.Tokens.List()) > 0 {
		t.Errorf("%+v, %v, tokens %v", status, err, d.server.gate.Tokens.List())
	}
}

// Whoever waits for an answer is told why he gets none.
func TestWaitsEndWithTheirToken(t *testing.T) {
	for how := range lockouts {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, Options{})
			pid := d.create(child("web", "stubborn", "graceful_timeout", 600))
			d.written(pid, "stdout", 1)
			headers, end := d.lockedOut(how, tokens.Read|tokens.Control)
			answers := make(chan answered)
			asked := []string{
				"GET /watch/proc/web/exit", fmt.Sprintf("GET /streams/%d/stderr", pid), "POST /processes/web/_stop?wait=true",
			}
			for _, request := range asked {
				method, path, _ := strings.Cut(request, " ")
				go func() { answers <- d.do(method, path, "", headers...) }()
			}
			eventually(t, "that they wait", func() bool {
				status, err := d.manager.Status("web")
				return err == nil && !status.Active && d.lasting() == 2
			})
			end()
			for range asked {
				if a := <-answers; a.status != 401 || !strings.Contains(a.body, how) {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			d.want(200, "POST", "/processes/web/_signal/KILL", "")
		})
	}
}

// A websocket ends with its token, and nothing that is typed after that is written.
func TestWebsocketsEndWithTheirToken(t *testing.T) {
	for how := range lockouts {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, Options{})
			pid := d.create(child("web", "hang", "redirect_input", true))
			in, err := d.manager.Input(pid, "stdin")
			if err != nil {
				t.Fatal(err)
			}
			headers, end := d.lockedOut(how, tokens.Read|tokens.Write)
			input := d.dial(fmt.Sprintf("/wstreams/%d", pid), headers...)
			logs := d.dial("/apps/web/logs?stream=true", headers...)
			ctx := t.Context()
			if err := input.Write(ctx, websocket.MessageText, []byte("a")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is written", func() bool { return in.Offset() == 1 })
			end()
			for name, conn := range map[string]*websocket.Conn{"stdin": input, "logs": logs} {
				_, _, err := conn.Read(ctx)
				var closed websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || !strings.Contains(closed.Reason, how) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if in.Offset() != 1 {
				t.Errorf("%d bytes were written", in.Offset())
			}
		})
	}
}

// What waits to be typed in by a request is not written when its token has ended.
func TestStdinEndsWithItsToken(t *testing.T) {
	for how := range lockouts {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, Options{})
			pid := d.create(child("web", "deaf", "redirect_input", true))
			in, err := d.manager.Input(pid, "stdin")
			if err != nil {
				t.Fatal(err)
			}
			headers, end := d.lockedOut(how, tokens.Write)
			answers := make(chan answered, 1)
			go func() {
				answers <- d.do("POST", fmt.Sprintf("/streams/%d/stdin", pid), strings.Repeat("x", 4<<20), headers...)
			}()
			eventually(t, "stdin is full", func() bool { return in.Offset() > 0 })
			end()
			if a := <-answers; a.status != 401 || !strings.Contains(a.body, how) || !strings.Contains(a.body, `"written":`) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// lasting is how many requests last.
func (d *daemon) lasting() (n int) {
	d.server.lasting.mu.Lock()
	defer d.server.lasting.mu.Unlock()
	for _, count := range d.server.lasting.count {
		n += count
	}
	return n
}
