package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// FuzzQuery asks each route for what its query may say, with a query that may
// say anything.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"since=1&tail=2", "n=all&stream=true&filter=a|b-1&fd=stdout&grep=^a.*b$&since=10m&until=7d", "cursor=1.2.1.30&follow=false",
		"since=2015-02-16T02:02:43+01:00", "heartbeat=false&timeout=1e300", "wait=2.5", "n=-1", "grep=(((((a*)*)*)*)*)*", "since=9999999999999h",
	} {
		f.Add(seed, "")
	}
	f.Add("", "1.2.1.30")
	f.Fuzz(func(t *testing.T, raw, last string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = raw
		r.Header["Last-Event-Id"] = []string{last}
		if q := queryOf(r); q.err == nil {
			want, _ := logsOf(r, q)
			if q.err == nil && want.Tail < -1 {
				t.Errorf("%q asks for %d lines", raw, want.Tail)
			}
			if d := q.logHeartbeat(); d < 0 {
				t.Errorf("%q: a heartbeat of %v", raw, d)
			}
		}
		q := queryOf(r)
		place := placeOf(r, q)
		if q.err == nil && (place.offset < 0 || place.tail < -1) {
			t.Errorf("%q: %+v", raw, place)
		}
		if wait, err := waitOf(r); err == nil && wait.limit < 0 {
			t.Errorf("%q: %+v", raw, wait)
		}
	})
}

// FuzzWebsocket sends anything over a websocket that is connected to a program.
func FuzzWebsocket(f *testing.F) {
	for _, seed := range []string{
		"\x81\x85\x00\x00\x00\x00hello", "\x82\x80\x00\x00\x00\x00", "\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b", "\x88\x82\x00\x00\x00\x00\x03\xe8",
		"\x89\x80\x00\x00\x00\x00", "\x8a\x80\x00\x00\x00\x00", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\xf1\x80\x00\x00\x00\x00", "\x81\x05hello", "\x89\xfe\x00\x80\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	m := manager.New(manager.Options{Logger: slog.New(slog.DiscardHandler)})
	server := New(m, Options{Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("unix", filepath.Join(f.TempDir(), "s"))
	if err != nil {
		f.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	f.Cleanup(func() {
		cancel()
		<-done
		m.Shutdown(context.Background())
	})
	tmpl, err := manager.ParseTemplate(map[string]any{"name": "sink", "cmd": "sh -c 'exec cat >/dev/null'", "redirect_input": true})
	if err != nil {
		f.Fatal(err)
	}
	created, err := m.Create(tmpl)
	if err != nil {
		f.Fatal(err)
	}
	if err := created.Wait(context.Background()); err != nil {
		f.Fatal(err)
	}
	running, err := m.InstancesOf("sink")
	if err != nil || len(running) != 1 {
		f.Fatal(running, err)
	}
	pid := running[0].PID
	f.Fuzz(func(t *testing.T, frames []byte) {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "GET /wstreams/%d HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", pid)
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(resp, err)
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, in)
		}()
		conn.Write(frames)
		conn.Write([]byte("\x88\x80\x00\x00\x00\x00")) // a close, unless the frames made something else of it
		conn.(*net.UnixConn).CloseWrite()
		<-read
		if _, err := m.Instance(pid); err != nil {
			t.Fatal(err)
		}
	})
}
