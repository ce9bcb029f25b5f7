package httpapi

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/streams"
)

func TestShutdownEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	var feeds []*http.Response
	for _, path := range []string{
		fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid),
		fmt.Sprintf("/streams/%d/stdout?feed=eventsource", pid),
		fmt.Sprintf("/streams/%d/stderr?heartbeat=0.01", pid),
		"/watch?feed=eventsource", "/watch?feed=continuous",
		"/stats/echo?feed=continuous",
	} {
		feeds = append(feeds, d.open(path))
	}
	polled := make(chan answered, 1)
	go func() { polled <- d.get("/watch/flap") }()
	conn := d.dial(fmt.Sprintf("/wstreams/%d", pid))
	silent := d.raw("")
	half := d.raw("GET /ping HT")
	body := d.raw(fmt.Sprintf("POST /streams/%d/stdin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", pid))
	d.written(pid, "stdout", 3)
	closes := make(chan websocket.CloseError, 1)
	go func() { closes <- closed(t, conn) }()

	began := time.Now()
	d.stop()
	if took := time.Since(began); took > shutdownGrace+5*time.Second {
		t.Errorf("took %v", took)
	}
	for _, resp := range feeds {
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("%s ended as if it was the end", resp.Request.URL)
		}
	}
	if e := <-closes; e.Code != websocket.StatusGoingAway {
		t.Errorf("websocket closed with %d %q", e.Code, e.Reason)
	}
	if a := <-polled; a.status != 503 || a.code(t) != "stopping" {
		t.Errorf("poll: %d %s", a.status, a.body)
	}
	for _, c := range []net.Conn{silent, half, body} {
		io.Copy(io.Discard, c) // ends, since it is closed
	}
	if _, err := net.Dial("tcp", d.address); err == nil {
		t.Error("it still listens")
	}
	d.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := d.manager.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+3 })
}

func TestShutdownDoesNotWaitForTheStalled(t *testing.T) {
	t.Parallel()
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	for _, feed := range []string{"continuous", "eventsource"} {
		d.raw("GET /log?feed=" + feed + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	pid := d.create(child("p", "puppet", "redirect_input", true))
	d.dial(fmt.Sprintf("/wstreams/%d", pid)) // never reads
	for range 400 {
		io.WriteString(log, strings.Repeat("0123456789abcde\n", 4<<10))
	}
	d.tell(pid, "flood %d", 16<<20)
	d.written(pid, "stdout", 16<<20)
	began := time.Now()
	d.stop()
	if took := time.Since(began); took > 2*closeGrace+5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestStalledPeerIsGivenUp(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := newDaemon(t, Options{StallTimeout: 300 * time.Millisecond})
	left := make(chan struct{})
	d.server.Handle("GET", "/log", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		d.server.continuous(w, r, &reading{query: queryOf(r), log: log, done: func() {}})
	}), RouteDoc{})
	d.raw("GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n")
	eventually(t, "it to be given up", func() bool {
		io.WriteString(log, strings.Repeat("x", 256<<10))
		select {
		case <-left:
			return true
		default:
			return false
		}
	})
}

// In HTTP/2 a deadline that passes ends the answer, also while nothing is written.
func TestIdleFeedsOutliveTheStallTimeout(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		log := streams.NewLog(streams.Options{})
		d := newDaemon(t, Options{StallTimeout: 50 * time.Millisecond})
		d.server.Handle("GET", "/log", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.server.continuous(w, r, &reading{query: queryOf(r), log: log, done: func() {}})
		}), RouteDoc{})
		resp := d.open("/log")
		if h2 {
			origin, pool := d.serveTLS()
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			var err error
			if resp, err = (&http.Client{Transport: transport, Timeout: patience}).Get(origin + "/log"); err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
		}
		if (resp.ProtoMajor == 2) != h2 {
			t.Fatal(resp.Proto)
		}
		for range 2 {
			<-time.After(150 * time.Millisecond)
			io.WriteString(log, "x")
			expect(t, resp.Body, "x")
		}
		<-time.After(150 * time.Millisecond)
		log.Close()
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Errorf("%s: %q %v", resp.Proto, rest, err)
		}
		d.want(200, "GET", "/ping", "")
	}
}

func TestServeSaysWhyAListenerFailed(t *testing.T) {
	d := newDaemon(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := d.server.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// certificate is one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serveTLS has the daemon serve over TLS too, until the test ends.
func (d *daemon) serveTLS() (origin string, pool *x509.CertPool) {
	d.t.Helper()
	cert, pool := certificate(d.t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- d.server.Serve(ctx, TLSListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}()
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
	return "https://" + l.Addr().String(), pool
}

func TestTLS(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	origin, pool := d.serveTLS()
	for _, h2 := range []bool{true, false} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
		client := &http.Client{Transport: transport}
		r, err := http.NewRequest("GET", origin+"/log?feed=eventsource", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 || (resp.ProtoMajor == 2) != h2 {
			t.Errorf("%s %s", resp.Status, resp.Proto)
		}
		io.WriteString(log, "x\n")
		if m := readMessage(t, bufio.NewReader(resp.Body)); m.data != "x" {
			t.Errorf("%s: %+v", resp.Proto, m)
		}
		resp.Body.Close()
		r, err = http.NewRequest("POST", origin+"/processes", strings.NewReader(strings.Repeat("x", 2<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err = client.Do(r); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 413 {
			t.Errorf("%s: %s", resp.Proto, resp.Status)
		}
		transport.CloseIdleConnections()
	}
}
