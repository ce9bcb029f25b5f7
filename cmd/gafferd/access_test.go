package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask asks for a path, with a token unless it is "".
func (d *daemon) ask(method, path, body, token string) (status int) {
	d.t.Helper()
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// addToken makes a token over the API.
func (d *daemon) addToken(body, token string) string {
	d.t.Helper()
	r, err := http.NewRequest("POST", d.url+"/tokens", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Api-Key", token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Token == "" {
		d.t.Fatalf("%d %+v, %v", resp.StatusCode, made, err)
	}
	return made.Token
}

func TestAccessIsDemandedBeyondThisMachine(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		out, err := command(t, "--bind", address).CombinedOutput()
		if err == nil {
			t.Fatalf("%s: %s", address, out)
		}
		says(t, string(out), "--token-file", "GAFFER_TOKEN", "--require-token", "cacert", "unix socket", "127.0.0.1")
	}
	token := file(t, "token", "s3cret-s3cret\n")
	text := start(t, nil, "--bind", "0.0.0.0:0", "--token-file", token).stderr.String()
	says(t, text, "level=WARN", "in the clear", "gafferctl --connect http://localhost:")
	if text = start(t, nil).stderr.String(); strings.Contains(text, "WARN") {
		t.Errorf("a warning about loopback:\n%s", text)
	}
}

func TestAccessThatContradictsItself(t *testing.T) {
	token := file(t, "token", "s3cret\n")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"nobody could come in", []string{"--require-token"}},
		{"leave one out", []string{"--trust-loopback", "--token-file", token}},
		{"does not hold one token", []string{"--token-file", file(t, "empty", "\n")}},
		{"does not hold one token", []string{"--token-file", file(t, "two", "a\nb\n")}},
		{"no such file", []string{"--token-file", "/nonexistent/token"}},
	} {
		out, err := command(t, append(c.args, "--bind=127.0.0.1:0")...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: %v %s", c.args, err, out)
		}
	}
}

// Whoever has started it with a token needs one on TCP, and none on the unix socket.
func TestAccessWithToken(t *testing.T) {
	for _, way := range []string{"--token-file", "GAFFER_TOKEN"} {
		socket := filepath.Join(t.TempDir(), "s")
		cmd := command(t, "--bind=127.0.0.1:0,unix:"+socket)
		if way == "GAFFER_TOKEN" {
			cmd.Env = append(cmd.Env, "GAFFER_TOKEN=s3cret-s3cret")
		} else {
			cmd.Args = append(cmd.Args, way, file(t, "token", "s3cret-s3cret\n"))
		}
		d := begun(t, cmd, nil)
		for token, want := range map[string]int{"": 401, "s3cret": 401, "s3cret-s3cret": 200} {
			if status := d.ask("GET", "/processes", "", token); status != want {
				t.Errorf("%s, token %q: %d, want %d", way, token, status, want)
			}
		}
		local := &daemon{t: t, url: "unix://" + socket}
		if got := local.get("/processes"); strings.TrimSpace(got) != "[]" {
			t.Errorf("%s: on the unix socket: %s", way, got)
		}
		for _, text := range []string{d.stderr.String(), local.get("/tokens")} {
			if strings.Contains(text, "s3cret") {
				t.Errorf("%s: the token is told: %s", way, text)
			}
		}
	}
}

// A token is good in the next life of the daemon with a state directory, and
// without one for the next worker.
func TestTokensOutliveTheDaemon(t *testing.T) {
	dir := t.TempDir()
	first := start(t, nil, "--state-dir", dir)
	token := first.addToken(`{"name": "ci", "scope": "read", "only": "shop:*"}`, "")
	if status := first.ask("POST", "/processes", `{"name": "shop:web", "cmd": "true"}`, token); status != 403 {
		t.Errorf("status %d", status)
	}
	first.signal(syscall.SIGTERM)
	first.wait()
	second := start(t, nil, "--state-dir", dir)
	if status := second.ask("GET", "/processes", "", token); status != 200 {
		t.Errorf("status %d in the next life", status)
	}
	if status := second.ask("DELETE", "/tokens/ci", "", ""); status != 200 {
		t.Errorf("status %d", status)
	}
	if status := second.ask("GET", "/processes", "", token); status != 200 {
		t.Errorf("status %d: no token means anything any more", status)
	}
	for _, name := range []string{"tokens/tokens.json", "key"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(text), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// auditLine is one of --audit-log.
type auditLine struct {
	Msg, Who, From, Request, Process, Result string
	Time                                     time.Time
}

func TestAuditLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	d := start(t, nil, "--audit-log", path)
	d.ask("GET", "/processes", "", "")
	d.ask("POST", "/processes?token=", "{}", "")
	d.ask("POST", "/processes", `{"name": "web", "cmd": "true", "start": false}`, "")
	token := d.addToken(`{"name": "ci", "scope": "read"}`, "")
	d.ask("POST", "/processes/web/_start", "", token)
	lines := func(path string) (all []auditLine) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), token) {
			t.Errorf("the token is told: %s", text)
		}
		for line := range strings.Lines(string(text)) {
			var a auditLine
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, a)
		}
		return all
	}
	me := fmt.Sprintf("uid %d", os.Getuid())
	want := []auditLine{
		{Who: "nobody", Request: "POST /processes", Result: "401 unauthorized"},
		{Who: me, Request: "POST /processes", Process: "web", Result: "200"},
		{Who: me, Request: "POST /tokens", Result: "200"},
		{Who: "token ci", Request: "POST /processes/web/_start", Process: "web", Result: "403 forbidden"},
	}
	// Each is told when it has been answered, and so the next may have begun.
	got := lines(path)
	for end := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(end); got = lines(path) {
		<-time.After(time.Millisecond)
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %+v", len(got), len(want), got)
	}
	byResult := func(a, b auditLine) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Result, b.Result))
	}
	slices.SortFunc(got, byResult)
	slices.SortFunc(want, byResult)
	for i := range want {
		if got[i].Msg != "audit" || !strings.HasPrefix(got[i].From, "127.0.0.1:") || got[i].Time.IsZero() {
			t.Errorf("%+v", got[i])
		}
		got[i].Msg, got[i].From, got[i].Time = "", "", time.Time{}
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGUSR1)
	d.stderr.wait(t, "log file opened again")
	d.ask("DELETE", "/processes/web", "", "")
	again := lines(path)
	for end := time.Now().Add(patience); len(again) < 1 && time.Now().Before(end); again = lines(path) {
		<-time.After(time.Millisecond)
	}
	if len(again) != 1 || again[0].Request != "DELETE /processes/web" {
		t.Errorf("after SIGUSR1: %+v", again)
	}
}

// A client certificate is let in for what the token of its subject says, and not at
// all without one.
func TestClientCertificateStandsForAToken(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	shown, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	d := begun(t, command(t, file(t, "gaffer.ini", `[gaffer]
http_endpoints = public, local
require_token = true
[endpoint:public]
bind = 127.0.0.1:0
certfile = `+certFile+`
keyfile = `+keyFile+`
cacert = `+certFile+`
[endpoint:local]
bind = unix:`+socket+"\n")), nil)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{shown}}}}
	defer client.CloseIdleConnections()
	ask := func(method, path string) int {
		t.Helper()
		r, err := http.NewRequest(method, d.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := ask("GET", "/processes"); status != 401 {
		t.Errorf("without a token for it: %d", status)
	}
	local := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer local.CloseIdleConnections()
	resp, err := local.Post("http://localhost/tokens", "", strings.NewReader(`{"name": "me", "scope": "read", "subject": "CN=gafferd test"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for request, want := range map[string]int{"GET /processes": 200, "POST /processes/web/_stop": 403, "GET /tokens": 403} {
		method, path, _ := strings.Cut(request, " ")
		if status := ask(method, path); status != want {
			t.Errorf("%s: %d, want %d", request, status, want)
		}
	}
}
