package httpapi

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStdin(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true, "restart", "never"))
	stdin := fmt.Sprintf("/streams/%d/stdin", pid)
	a := d.want(200, "POST", stdin, "hello")
	if a.body != okBody || a.header.Get("Gaffer-Written") != "5" || a.header.Get("Gaffer-Offset") != "5" {
		t.Errorf("%+v", a)
	}
	// A retry with at= writes what is missing and no more.
	a = d.want(200, "POST", stdin+"?at=0", "hello world")
	if a.header.Get("Gaffer-Written") != "6" || a.header.Get("Gaffer-Offset") != "11" {
		t.Errorf("retry: %v", a.header)
	}
	a = d.want(409, "POST", stdin+"?at=20", "hole")
	if a.code(t) != "conflict" || !strings.Contains(a.body, `"written":0`) || !strings.Contains(a.body, `"offset":11`) {
		t.Errorf("hole: %s", a.body)
	}
	a = d.want(200, "POST", stdin, "")
	if a.header.Get("Gaffer-Written") != "0" || a.header.Get("Gaffer-Offset") != "11" {
		t.Errorf("empty: %v", a.header)
	}
	a = d.want(200, "POST", stdin+"?eof=true", "!")
	if a.header.Get("Gaffer-Offset") != "12" {
		t.Errorf("eof: %v", a.header)
	}
	out := d.want(200, "GET", fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", pid), "")
	if out.body != "hello world!" {
		t.Errorf("came out: %q", out.body)
	}
	d.get("/watch/proc/echo/exit?since=0")
	a = d.want(409, "POST", stdin, "late")
	if a.code(t) != "conflict" || !strings.Contains(a.body, `"written":0,"offset":12`) {
		t.Errorf("after the end: %s", a.body)
	}
	// A retry finds that all was written.
	a = d.want(200, "POST", stdin+"?at=6&eof=true", "world!")
	if a.body != okBody || a.header.Get("Gaffer-Written") != "0" || a.header.Get("Gaffer-Offset") != "12" {
		t.Errorf("retry after the end: %+v", a)
	}
	d.want(200, "POST", stdin+"?at=12&eof=true", "")
	d.want(409, "POST", stdin+"?at=6&eof=true", "world!!")
	d.want(409, "POST", stdin+"?at=13", "")
	for label, want := range map[string]string{"stdout": "403 forbidden_write", "nosuch": "404 io_not_found"} {
		a := d.do("POST", fmt.Sprintf("/streams/%d/%s", pid, label), "late")
		if got := fmt.Sprint(a.status, " ", a.code(t)); got != want {
			t.Errorf("%s after the end: %s, want %s", label, got, want)
		}
	}
	if a := d.get(stdin); a.status != 404 || a.code(t) != "io_not_found" {
		t.Errorf("GET stdin: %d %s", a.status, a.body)
	}
}

// pattern is n bytes that are not like one another.
func patternReader(n int64) io.Reader {
	var i uint32
	return io.LimitReader(readerFunc(func(p []byte) (int, error) {
		for j := range p {
			i = i*1664525 + 1013904223
			p[j] = byte(i >> 24)
		}
		return len(p), nil
	}), n)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestStdinStreamsALargeBody(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true, "restart", "never", "backpressure", true))
	const size = 24 << 20 // far more than a small body may have
	out := d.open(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
	posted := make(chan error, 1)
	go func() {
		r, err := http.NewRequest("POST", fmt.Sprintf("%s/streams/%d/stdin?eof=true", d.url, pid), patternReader(size))
		if err != nil {
			posted <- err
			return
		}
		resp, err := d.client.Do(r)
		if err == nil {
			resp.Body.Close()
			if got := resp.Header.Get("Gaffer-Written"); got != fmt.Sprint(size) {
				err = fmt.Errorf("%s, Gaffer-Written %q", resp.Status, got)
			}
		}
		posted <- err
	}()
	got, want := sha256.New(), sha256.New()
	io.Copy(want, patternReader(size))
	if n, err := io.Copy(got, out.Body); n != size || err != nil {
		t.Errorf("%d bytes came out, %v", n, err)
	}
	if string(got.Sum(nil)) != string(want.Sum(nil)) {
		t.Error("other bytes came out")
	}
	if err := <-posted; err != nil {
		t.Error(err)
	}
}

func TestStdinArrivesAsItIsSent(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	conn := d.raw(fmt.Sprintf("POST /streams/%d/stdin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", pid))
	d.written(pid, "stdout", 2) // although the body goes on
	io.WriteString(conn, "1\r\n!\r\n0\r\n\r\n")
	if a := readResponse(t, conn); a.status != 200 || a.header.Get("Gaffer-Written") != "3" {
		t.Errorf("%+v", a)
	}
}

func TestStdinThatIsNotRead(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("deaf", "deaf", "redirect_input", true))
	big := strings.Repeat("x", 4<<20)
	a := d.want(409, "POST", fmt.Sprintf("/streams/%d/stdin?timeout=0.1", pid), big)
	var written, offset int64
	if _, err := fmt.Sscanf(a.body[strings.Index(a.body, `"written"`):], `"written":%d,"offset":%d`, &written, &offset); err != nil || written == 0 || written != offset || written >= 4<<20 {
		t.Errorf("%s: %v", a.body, err)
	}
	// One that waits for the writer before it is given up too, and a body whose process
	// ends.
	first := d.raw(fmt.Sprintf("POST /streams/%d/stdin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", pid))
	stdin := fmt.Sprintf("/streams/%d/stdin", pid)
	a = d.want(409, "POST", stdin+"?timeout=0.05", "x")
	if strings.Contains(a.body, "at=") || !strings.Contains(a.body, "from byte 0 on") { // the one before it writes there meanwhile
		t.Errorf("without a place: %s", a.body)
	}
	a = d.want(409, "POST", fmt.Sprintf("%s?timeout=0.05&at=%d", stdin, offset), "x")
	if !strings.Contains(a.body, fmt.Sprintf("again with at=%d", offset)) {
		t.Errorf("with a place: %s", a.body)
	}
	first.Close()
	pid = d.create(child("echo", "echo", "redirect_input", true, "restart", "never"))
	conn := d.raw(fmt.Sprintf("POST /streams/%d/stdin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", pid))
	d.written(pid, "stdout", 3)
	d.want(200, "POST", "/processes/echo/_stop", "")
	if a := readResponse(t, conn); a.status != 409 || !strings.Contains(a.body, `"written":3`) {
		t.Errorf("process ended: %d %s", a.status, a.body)
	}
}

// The time of timeout= is the process's, and not that of who sends slowly.
func TestStdinOfASlowSender(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	const timeout = 200 * time.Millisecond
	conn := d.raw(fmt.Sprintf("POST /streams/%d/stdin?timeout=%v HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n", pid, timeout.Seconds()))
	d.written(pid, "stdout", 2)
	time.Sleep(2 * timeout)
	io.WriteString(conn, "2\r\nb\n\r\n0\r\n\r\n")
	if a := readResponse(t, conn); a.status != 200 || a.header.Get("Gaffer-Written") != "4" {
		t.Errorf("%+v", a)
	}
	d.written(pid, "stdout", 4)
}

// What gives a body up may break the reading of the next request: then there is to be
// none on that connection.
func TestStdinThatIsGivenUpLosesNoOtherRequest(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("deaf", "deaf", "redirect_input", true))
	stdin := fmt.Sprintf("/streams/%d/stdin", pid)
	d.want(409, "POST", stdin+"?timeout=0.1", strings.Repeat("x", 4<<20))
	var conns []net.Conn
	for i := range 12 {
		query := []string{"?timeout=0.05", ""}[i%2]
		conns = append(conns, d.raw("POST "+stdin+query+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"))
	}
	d.want(409, "POST", stdin+"?timeout=0.1", "x") // all of them are there by now
	d.want(200, "POST", "/processes/deaf/_stop", "")
	for _, conn := range conns {
		from := bufio.NewReader(conn)
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != 409 {
			t.Errorf("%s", resp.Status)
		}
		if resp.Close {
			continue
		}
		io.WriteString(conn, "GET /watch?timeout=0.01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := http.ReadResponse(from, nil); err != nil {
			t.Errorf("the next request: %v", err)
		}
	}
}

// A client that is gone is dropped also while its body waits for a process that does
// not read.
func TestStdinOfADeafProcessIsDropped(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, Options{})
	pid := d.create(child("deaf", "deaf", "redirect_input", true))
	conn := d.raw(fmt.Sprintf("POST /streams/%d/stdin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n", pid) + strings.Repeat("x", 300<<10))
	in, err := d.manager.Input(pid, "stdin")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "stdin is full", func() bool { return in.Offset() > 0 })
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	eventually(t, "it is dropped", func() bool {
		d.server.lasting.mu.Lock()
		defer d.server.lasting.mu.Unlock()
		return len(d.server.lasting.count) == 0
	})
}

func TestBadBody(t *testing.T) {
	var log strings.Builder
	d := newDaemon(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	pid := d.create(child("echo", "echo", "redirect_input", true))
	stdin := fmt.Sprintf("/streams/%d/stdin", pid)
	for body, told := range map[string]string{
		"zz\r\nabc\r\n":            `"written":0`,
		"3\r\nabcdef\r\n0\r\n\r\n": `"written":3`,
	} {
		for path, told := range map[string]string{stdin: told, "/processes": ""} {
			conn := d.raw("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s %q: %v", path, body, err)
				continue
			}
			text, _ := io.ReadAll(resp.Body)
			a := answered{resp.StatusCode, resp.Header, string(text)}
			if a.status != 400 || !resp.Close || a.code(t) != "bad_body" || !strings.Contains(a.body, told) {
				t.Errorf("%s %q: %+v, closes: %v", path, body, a, resp.Close)
			}
		}
	}
	// Whoever breaks off gets no answer.
	for _, path := range []string{stdin, "/processes"} {
		conn := d.raw("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
		if path == stdin {
			d.written(pid, "stdout", 6)
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	d.stop()
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
}

func TestRefusedUploadSeesTheAnswer(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "hang"))
	r, err := http.NewRequest("POST", fmt.Sprintf("%s/streams/%d/stdin", d.url, pid), patternReader(30<<20))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("%s", resp.Status)
	}
}

func TestCustomStream(t *testing.T) {
	d := newDaemon(t, Options{})
	// A shell that sends back what it reads on fd 3.
	pid := d.create(map[string]any{"name": "two-way", "cmd": "read line <&3; echo \"got $line\" >&3; sleep 60",
		"shell": true, "custom_streams": []string{"control"}, "graceful_timeout": 0})
	path := fmt.Sprintf("/streams/%d/control", pid)
	d.want(200, "POST", path, "word\n")
	if a := d.want(200, "GET", path, ""); a.body != "got word\n" {
		t.Errorf("came back: %q", a.body)
	}
}

func TestHalfOpenRequestsAreDropped(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a time-out")
	}
	d := newDaemon(t, Options{})
	began := time.Now()
	conn := d.raw("GET /ping HTTP/1.1\r\nHost: loc")
	conn.SetDeadline(time.Now().Add(headerTimeout + patience))
	rest, _ := io.ReadAll(conn)
	if took := time.Since(began); took < headerTimeout/2 || len(rest) > 0 && !strings.Contains(string(rest), "408") && !strings.Contains(string(rest), "400") {
		t.Errorf("after %v: %q", took, rest)
	}
}
