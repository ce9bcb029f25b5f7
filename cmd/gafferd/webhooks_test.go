package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestWebhooks has the daemon send events as its file says, follow another
// receiver on a reload, and tell of its own end.
func TestWebhooks(t *testing.T) {
	bodies := make(chan string, 100)
	receive := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + " " + string(body)
	})
	server := httptest.NewServer(receive)
	defer server.Close()
	path := file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n[webhooks]\nspawn = "+server.URL+"/first\nsecret:spawn = s\n")
	d := start(t, nil, "--state-dir", t.TempDir(), path)
	if got := <-bodies; !strings.HasPrefix(got, `/first {"event":"spawn","name":"web",`) {
		t.Errorf("first comes %q", got)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(content), "/first", "/second")
	changed = strings.ReplaceAll(changed, "spawn =", "exit =")
	changed = strings.ReplaceAll(changed, "secret:spawn", "secret:exit")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks := `"webhooks":{"added":[{"id":"wh-`
	says(t, d.answer("POST", "/_reload?plan=true"), hooks, `"event":"exit","url":"`+server.URL+`/…"}],"changed":[],"removed":[{"id":"wh-`, `"event":"spawn","url":"`+server.URL+`/…"}]}`)
	d.signal(syscall.SIGHUP)
	d.stderr.wait(t, `webhooks reloaded`)
	changed = strings.ReplaceAll(changed, "secret:exit = s", "secret:exit = s3cret")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.answer("POST", "/_reload"); !strings.Contains(got, `"webhooks":{"added":[],"changed":[{"id":"wh-`) || strings.Contains(got, "s3cret") {
		t.Errorf("with another secret a reload answers %s", got)
	}
	d.signal(syscall.SIGTERM)
	if got := <-bodies; !strings.HasPrefix(got, `/second {"event":"exit","name":"web",`) {
		t.Errorf("last comes %q", got)
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestWebhooksSurviveAKill kills the daemon while a receiver is down. All that
// had happened arrives from the next one, in order.
func TestWebhooksSurviveAKill(t *testing.T) {
	r := newReceiver(t)
	state := t.TempDir()
	d := start(t, nil, "--no-keeper", "--state-dir", state)
	r.fill(d)
	d.signal(syscall.SIGKILL)
	d.wait()
	r.up.Store(true)
	r.drain(start(t, nil, "--state-dir", state))
}

// TestWebhooksSurviveTheWorker kills the worker alone, which also a daemon without
// a state directory survives.
func TestWebhooksSurviveTheWorker(t *testing.T) {
	r := newReceiver(t)
	d := start(t, nil)
	r.fill(d)
	d.killWorker()
	r.up.Store(true)
	r.drain(d)
	d.post("/processes/web/_scale/99", "")
	if got := r.next(d); !strings.Contains(got, `"proc.web.update"`) {
		t.Errorf("then comes %s", got)
	}
	folder := r.folder()
	d.signal(syscall.SIGTERM)
	d.wait()
	if _, err := os.Stat(folder); err == nil {
		t.Errorf("%s is left", folder)
	}
}

// receiver takes events once it is up.
type receiver struct {
	t      *testing.T
	url    string
	up     atomic.Bool
	bodies chan string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, bodies: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(req.Body)
		r.bodies <- string(body)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// folder is where the daemon keeps what is to outlive its worker.
func (r *receiver) folder() string {
	r.t.Helper()
	files, _ := filepath.Glob("/dev/shm/gafferd-*/hooks.json")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), r.url) {
			return filepath.Dir(file)
		}
	}
	r.t.Fatal("there is no folder of the daemon's")
	return ""
}

// fill has 21 events wait for the receiver.
func (r *receiver) fill(d *daemon) {
	r.t.Helper()
	if got := d.post("/webhooks", `{"event": "proc.web", "url": "`+r.url+`", "secret": "s"}`); got != 200 {
		r.t.Fatalf("POST /webhooks: %d", got)
	}
	d.post("/processes", `{"name": "web", "cmd": "true", "start": false}`)
	for n := range 20 {
		d.post("/processes/web/_scale/"+strconv.Itoa(n+2), "")
	}
	for end := time.Now().Add(patience); !strings.Contains(d.get("/webhooks"), `"pending":21,`); {
		if time.Now().After(end) {
			r.t.Fatalf("not all 21 events wait: %s", d.get("/webhooks"))
		}
	}
}

// drain wants those events, in their order.
func (r *receiver) drain(d *daemon) {
	r.t.Helper()
	for n := range 21 {
		kind := "update"
		if n == 0 {
			kind = "create"
		}
		got := r.next(d)
		if want := fmt.Sprintf(`{"event":"proc.web.%s","name":"web","seq":%d,`, kind, 2*n+2); !strings.HasPrefix(got, want) {
			r.t.Errorf("event %d is %s, want %s", n, got, want)
		}
	}
}

func (r *receiver) next(d *daemon) string {
	r.t.Helper()
	select {
	case got := <-r.bodies:
		return got
	case <-time.After(patience):
		r.t.Fatalf("nothing comes: %s", d.get("/webhooks"))
		return ""
	}
}
