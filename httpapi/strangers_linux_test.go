package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// flood sends a request over and over, and reads no answer, until the server takes
// nothing for a while.
func (d *daemon) flood(request string) {
	d.t.Helper()
	conn := d.raw("")
	conn.(*net.TCPConn).SetReadBuffer(64 << 10) // which is soon full
	for all := []byte(strings.Repeat(request, 100)); ; {
		conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := conn.Write(all)
		switch {
		case err != nil && !os.IsTimeout(err):
			d.t.Fatal(err)
		case n == 0:
			return
		}
		all = append(all[n:len(all):len(all)], all[:n]...) // the next write goes on there
	}
}

// Whoever is not let in makes room for others, also while answers to him are on their
// way.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{Access: Access{RequireToken: true}, Limits: Limits{Connections: 2, PeerConnections: 2}})
	good := d.token("ci", tokens.Admin)
	d.flood("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
	d.flood("OPTIONS /ping HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\n\r\n")
	if a := d.do("GET", "/watch?timeout=0", "", good...); a.status != http.StatusNoContent {
		t.Fatalf("with a token, while all connections are those of strangers: %d %s", a.status, a.body)
	}
	for range 2 {
		d.open("/watch?feed=continuous", good...)
	}
	for range reserved {
		conn := d.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
		expect(t, conn, "HTTP/1.1 401 Unauthorized\r\n")
	}
	if a := d.do("GET", "/ping", "", good...); a.status != http.StatusOK {
		t.Errorf("with a token, while strangers have the reserve: %d %s", a.status, a.body)
	}
}

// Whoever is not let in and takes no answer is given up soon.
func TestStrangersAreNotWaitedFor(t *testing.T) {
	d := newDaemon(t, Options{Access: Access{RequireToken: true}})
	for _, c := range []struct {
		who     string
		method  string
		headers []string
		atMost  time.Duration
	}{
		{"nobody", "GET", nil, lingerTime},
		{"a page elsewhere", "OPTIONS", []string{"Origin", "http://a", "Access-Control-Request-Method", "GET"}, lingerTime},
		{"one with a token", "GET", d.token("ci", tokens.Read), DefaultStallTimeout},
	} {
		r := httptest.NewRequest(c.method, "http://localhost/ping", nil)
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		w := &timed{ResponseRecorder: *httptest.NewRecorder()}
		d.server.Handler().ServeHTTP(w, r)
		if left := time.Until(w.deadline); left > c.atMost || left < c.atMost/2 {
			t.Errorf("%s is waited for %v, want %v", c.who, left, c.atMost)
		}
	}
}

// A page that has a browser send wrong tokens locks nobody but such pages out.
func TestGuessesOfPagesElsewhereAreTheirOwn(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{TokenGuesses: 2}})
	good := d.token("ci", tokens.Read)
	for _, want := range []int{401, 401, 429} {
		if a := d.do("GET", "/?token=x", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"); a.status != want {
			t.Fatalf("a wrong one of a page: %d %s, want %d", a.status, a.body, want)
		}
	}
	for _, want := range []int{200, 401, 401, 429} {
		headers := good
		if want != 200 {
			headers = []string{"Authorization", "Bearer x"}
		}
		if a := d.do("GET", "/", "", headers...); a.status != want {
			t.Errorf("after those of a page: %d %s, want %d", a.status, a.body, want)
		}
	}
}

// Whoever is refused cannot choose how long a line he gets in the log.
func TestMethodsInTheLogAreShort(t *testing.T) {
	var log lockedBuffer
	d := newDaemon(t, Options{Access: Access{RequireToken: true}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	conn := d.raw(strings.Repeat("A", 60_000) + " / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if a := readResponse(t, conn); a.status != 401 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if text := log.String(); !strings.Contains(text, "AAAA") || len(text) > 1000 {
		t.Errorf("%d bytes in the log: %.100s", len(text), text)
	}
}
