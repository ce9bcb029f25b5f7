package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// daemon is a server with a manager of its own, on real sockets.
type daemon struct {
	t       *testing.T
	manager *manager.Manager
	server  *Server
	address string // of the TCP listener
	url     string
	unix    string // path of the unix socket
	client  *http.Client
	stop    func() // ends Serve and waits for it; may be called again
	replace func() // the same as if another process went on
}

func newDaemon(t *testing.T, o Options) *daemon {
	t.Helper()
	return newDaemonOf(t, manager.Options{}, o)
}

// newDaemonOf is newDaemon with options for its manager.
func newDaemonOf(t *testing.T, managed manager.Options, o Options) *daemon {
	t.Helper()
	managed.Logger = slog.New(slog.DiscardHandler)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	d := &daemon{t: t, manager: manager.New(managed)}
	d.server = New(d.manager, o)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.unix = filepath.Join(t.TempDir(), "s")
	local, err := net.Listen("unix", d.unix)
	if err != nil {
		t.Fatal(err)
	}
	d.address = tcp.Addr().String()
	d.url = "http://" + d.address
	transport := &http.Transport{}
	d.client = &http.Client{Transport: transport, Timeout: patience}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.server.Serve(ctx, tcp, local) }()
	d.replace = func() {
		cancel(ErrReplaced)
		d.stop()
	}
	d.stop = func() {
		cancel(nil)
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
			done <- nil
		case <-time.After(patience):
			t.Fatal("Serve did not return")
		}
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		d.stop()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := d.manager.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return d
}

// testLog is where the server's warnings go.
type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// answered is an answer, read to its end.
type answered struct {
	status int
	header http.Header
	body   string
}

func (d *daemon) do(method, path, body string, headers ...string) answered {
	d.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, d.url+path, in)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

func (d *daemon) get(path string) answered { d.t.Helper(); return d.do("GET", path, "") }

// want asks and checks the status.
func (d *daemon) want(status int, method, path, body string) answered {
	d.t.Helper()
	a := d.do(method, path, body)
	if a.status != status {
		d.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// code is the error code of an answer that must have a reason too.
func (a answered) code(t *testing.T) string {
	t.Helper()
	var p problemBody
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	if p.Error == "" || p.Reason == "" || strings.Contains(p.Reason, "\n") {
		t.Errorf("%d %s: want a code and a sentence", a.status, a.body)
	}
	return p.Error
}

func marshal(o object) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	return text
}

func decode[T any](t *testing.T, a answered) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return v
}

// child is a description that runs one of the children.
func child(name, what string, more ...any) map[string]any {
	env := map[string]string{"TEST_CHILD": what}
	o := map[string]any{"name": name, "cmd": os.Args[0], "args": []string{}, "env": env, "graceful_timeout": 1}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i] == "text" {
			env["TEST_TEXT"] = more[i+1].(string)
			continue
		}
		o[more[i].(string)] = more[i+1]
	}
	return o
}

// create makes a process and returns the pid of its instance.
func (d *daemon) create(description map[string]any) (pid int) {
	d.t.Helper()
	body, err := json.Marshal(description)
	if err != nil {
		d.t.Fatal(err)
	}
	d.want(200, "POST", "/processes?wait=true", string(body))
	if description["start"] == false {
		return 0
	}
	pids := decode[struct{ PIDs []int }](d.t, d.want(200, "GET", "/processes/"+description["name"].(string)+"/_pids", ""))
	if len(pids.PIDs) > 0 {
		return pids.PIDs[0]
	}
	ended := decode[[]struct{ PID int }](d.t, d.get("/processes/"+description["name"].(string)+"/_exits"))
	if len(ended) > 0 {
		return ended[0].PID // it was quick
	}
	return 0
}

// tell makes a puppet do something.
func (d *daemon) tell(pid int, format string, args ...any) {
	d.t.Helper()
	in, err := d.manager.Input(pid, "stdin")
	if err != nil {
		d.t.Fatal(err)
	}
	if _, _, err := in.Copy(d.t.Context(), strings.NewReader(fmt.Sprintf(format, args...)+"\n"), -1); err != nil {
		d.t.Fatal(err)
	}
}

// written waits until a stream has n bytes.
func (d *daemon) written(pid int, label string, n int64) *streams.Log {
	d.t.Helper()
	log, err := d.manager.Log(pid, label)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := log.Wait(d.t.Context(), n-1, patience); err != nil {
		d.t.Fatalf("pid %d has written %d bytes, want %d: %v", pid, log.End(), n, err)
	}
	return log
}

// open begins a request whose answer is read as it comes.
func (d *daemon) open(path string, headers ...string) *http.Response {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	d.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("GET %s: %d %s", path, resp.StatusCode, text)
	}
	return resp
}

// raw sends text on a connection of its own and returns it.
func (d *daemon) raw(text string) net.Conn {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		d.t.Fatal(err)
	}
	return conn
}

// timed is an answer that notes until when it may be written.
type timed struct {
	httptest.ResponseRecorder
	deadline time.Time
	untimed  int // writes that had the time of one before
	used     bool
}

// SetWriteDeadline is for http.ResponseController.
func (w *timed) SetWriteDeadline(deadline time.Time) error {
	w.deadline, w.used = deadline, false
	return nil
}

// Write implements http.ResponseWriter.
func (w *timed) Write(p []byte) (int, error) {
	if w.used {
		w.untimed++
	}
	w.used = true
	return w.ResponseRecorder.Write(p)
}

// expect reads text and no more.
func expect(t *testing.T, r io.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("got %.300q and then %v, want %.300q", got[:n], err, text)
	}
	if !bytes.Equal(got, []byte(text)) {
		t.Fatalf("got %.300q, want %.300q", got, text)
	}
}

// eventually waits for what has no event to wait for.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !true(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatal("did not come: ", what)
		}
	}
}

// feedServer serves the feeds of one log at /?feed=, without any process.
func feedServer(t *testing.T, log *streams.Log) *daemon {
	t.Helper()
	d := newDaemon(t, Options{})
	d.server.Handle("GET", "/log", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := queryOf(r)
		req := &reading{query: q, pid: 1, label: "stdout", log: log, place: placeOf(r, q), done: func() {}}
		defer func() { req.done() }()
		var err error
		switch q.text("feed") {
		case feedContinuous:
			err = d.server.continuous(w, r, req)
		case feedEventsource:
			err = d.server.eventsource(w, r, req)
		default:
			err = d.server.longpoll(w, r, req)
		}
		if err != nil {
			d.server.fail(w, r, err)
		}
	}), RouteDoc{Summary: "a log"})
	return d
}

// unixTransport reaches a daemon by its unix socket, a connection a request.
func unixTransport(d *daemon) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.unix)
		},
	}
}
