package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
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
