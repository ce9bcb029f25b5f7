package main

import (
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/manager"
)

func TestDebugAddress(t *testing.T) {
	d := start(t, nil, "--debug-addr=127.0.0.1:0")
	url := d.stderr.wait(t, `profiles are served" url=(\S+)`)[1]
	if got := d.get("/debug/pprof/"); got == "" || len(got) > 200 {
		t.Errorf("the API serves profiles: %s", got)
	}
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"", "", 200},
		{"Host", "localhost", 200},
		{"Host", "evil.example", 403},
		{"Origin", "http://evil.example", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
	} {
		r, err := http.NewRequest("GET", url+"goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header == "Host" {
			r.Host = c.value
		} else if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.header, c.value, resp.StatusCode, c.want)
		}
	}
}

// TestIdleProfileReaders holds that connections which nobody uses do not add up.
func TestIdleProfileReaders(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	m := manager.New(manager.Options{Logger: log})
	defer m.Shutdown(t.Context())
	server := debugServer(httpapi.New(m, httpapi.Options{Logger: log}), log)
	if server.IdleTimeout <= 0 || server.ReadHeaderTimeout <= 0 {
		t.Errorf("a connection may do nothing for %v, a head may take %v", server.IdleTimeout, server.ReadHeaderTimeout)
	}
}

// TestProfilesAreForFew asks for a profile as somebody else, and with tokens.
func TestProfilesAreForFew(t *testing.T) {
	d := start(t, nil, "--debug-addr=127.0.0.1:0")
	url := d.stderr.wait(t, `profiles are served" url=(\S+)`)[1]
	if os.Getuid() == 0 {
		curl := exec.Command("curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}", url)
		curl.Dir = "/"
		curl.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := curl.CombinedOutput(); err != nil || string(out) != "401" {
			t.Errorf("another user gets %s, %v; want 401", out, err)
		}
	}

	admin := "profiles-are-secret"
	d = start(t, nil, "--debug-addr=127.0.0.1:0", "--token-file", file(t, "token", admin))
	profiles := *d
	profiles.url = strings.TrimSuffix(d.stderr.wait(t, `profiles are served" url=(\S+)`)[1], "/debug/pprof/")
	for token, want := range map[string]int{
		"": 401, "wrong": 401, admin: 200,
		d.addToken(`{"name": "reader", "scope": "read,write,control"}`, admin): 403,
		d.addToken(`{"name": "some", "scope": "admin", "only": "x"}`, admin):   403,
	} {
		if got := profiles.ask("GET", "/debug/pprof/goroutine", "", token); got != want {
			t.Errorf("with the token %q: %d, want %d", token, got, want)
		}
	}
}

func TestWrongDebugAddress(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		says(t, fails(t, exitUsage, "--bind=127.0.0.1:0", "--debug-addr", address), "--debug-addr")
	}
}
