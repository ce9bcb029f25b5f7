package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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
	d.signal(syscall.SIGHUP)
	d.stderr.wait(t, `configuration reloaded`)
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
	var up atomic.Bool
	bodies := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	}))
	defer server.Close()
	state := t.TempDir()
	d := start(t, nil, "--no-keeper", "--state-dir", state)
	if got := d.post("/webhooks", `{"event": "proc.web", "url": "`+server.URL+`", "secret": "s"}`); got != 200 {
		t.Fatalf("POST /webhooks: %d", got)
	}
	d.post("/processes", `{"name": "web", "cmd": "true", "start": false}`)
	for n := range 20 {
		d.post("/processes/web/_scale/"+strconv.Itoa(n+2), "")
	}
	for end := time.Now().Add(patience); !strings.Contains(d.get("/webhooks"), `"pending":21,`); {
		if time.Now().After(end) {
			t.Fatalf("not all 21 events wait: %s", d.get("/webhooks"))
		}
	}
	d.signal(syscall.SIGKILL)
	d.wait()
	up.Store(true)
	d = start(t, nil, "--state-dir", state)
	for n := range 21 {
		kind := "update"
		if n == 0 {
			kind = "create"
		}
		select {
		case got := <-bodies:
			if want := fmt.Sprintf(`{"event":"proc.web.%s","name":"web","seq":%d,`, kind, 2*n+2); !strings.HasPrefix(got, want) {
				t.Errorf("event %d is %s, want %s", n, got, want)
			}
		case <-time.After(patience):
			t.Fatalf("after %d events nothing comes: %s", n, d.get("/webhooks"))
		}
	}
}
