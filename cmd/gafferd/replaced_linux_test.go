package main

import (
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReplacementFails has a worker not come up: what the daemon has in the file
// system stays, and the next one goes on with it.
func TestReplacementFails(t *testing.T) {
	dir := t.TempDir()
	socket, pidFile := filepath.Join(dir, "s"), filepath.Join(dir, "pid")
	state := t.TempDir()
	d := start(t, io.Discard, "--bind=unix:"+socket, "--pidfile="+pidFile, "--state-dir="+state)
	templates := filepath.Join(state, "templates.json")
	for end := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
		if _, err := os.Stat(templates); err == nil {
			break // and is not written any more, since nothing changes
		}
		if time.Now().After(end) {
			t.Fatal("nothing is saved")
		}
	}
	if err := os.WriteFile(templates, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(d.worker(), syscall.SIGKILL)
	d.stderr.wait(t, `gafferd: .*templates.json is damaged`)
	if err := os.Remove(templates); err != nil {
		t.Fatal(err)
	}
	d.stderr.wait(t, `the worker was replaced`)
	for _, path := range []string{socket, pidFile} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it went with a worker that failed: %v", err)
		}
	}
	if !t.Failed() && d.get("/ping") != "OK" {
		t.Error("no answer at the socket")
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, path := range []string{socket, pidFile} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind (%v)", path, err)
		}
	}
}

// TestCertificateIsGoneWhenReplaced takes the certificate away before a worker
// dies. The next one lets nobody in by TLS, and does the rest, until it is back.
func TestCertificateIsGoneWhenReplaced(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificate(t)
	socket := filepath.Join(t.TempDir(), "s")
	d := start(t, io.Discard, "--bind=unix:"+socket+",127.0.0.1:0", "--certfile="+certFile, "--keyfile="+keyFile)
	secure := d.stderr.wait(t, `https://([^ ,]+[0-9])`)[1]
	if err := os.Rename(certFile, certFile+".away"); err != nil {
		t.Fatal(err)
	}
	d.killWorker()
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("/ping by the socket: %q", got)
	}
	if err := dialTLS(secure); err == nil {
		t.Error("TLS without a certificate")
	}
	if err := os.Rename(certFile+".away", certFile); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); dialTLS(secure) != nil; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the certificate is not taken when it is back")
		}
	}
}

// TestAuditLogIsGoneWhenReplaced has something in its place when a worker dies. The next
// one goes on without it, says so, and writes it when that is gone.
func TestAuditLogIsGoneWhenReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	d := start(t, io.Discard, "--audit-log="+path)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.killWorker()
	if got := d.post("/processes", `{"name": "one", "cmd": "true", "start": false}`); got != 200 {
		t.Errorf("without the audit log: %d", got)
	}
	d.stderr.wait(t, `not written to the audit log.*is a directory`)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.post("/processes", `{"name": "two", "cmd": "true", "start": false}`)
	for end := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
		if text, _ := os.ReadFile(path); strings.Contains(string(text), `"process":"two"`) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is not written when it can be")
		}
	}
}

func dialTLS(addr string) error {
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		conn.Close()
	}
	return err
}

// TestClosedInputStaysClosed closes the input of a process before its worker
// dies: it is closed afterwards too, and not one that the process never had.
func TestClosedInputStaysClosed(t *testing.T) {
	d := start(t, io.Discard, file(t, "gaffer.ini", "[process:deaf]\ncmd = sh -c 'cat; sleep 1000'\nredirect_input = true\nredirect_output = out\n"))
	d.get("/watch/spawn?since=0")
	post := func(query, body string) string {
		t.Helper()
		resp, err := http.Post(d.url+"/streams/1/stdin"+query, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status + " " + string(answer)
	}
	says(t, post("?eof=1", "hello"), "200")
	before := post("", "more")
	says(t, before, "409", `"offset":5`)
	d.killWorker()
	if after := post("", "more"); after != before {
		t.Errorf("%s\nbefore the worker died: %s", after, before)
	}
}

// TestEndedWithoutOutput asks for the output of a process that had none, after
// the worker that saw it end has died.
func TestEndedWithoutOutput(t *testing.T) {
	d := start(t, io.Discard, file(t, "gaffer.ini", "[process:mute]\ncmd = true\nrestart = never\nredirect_output = out\n"))
	d.get("/watch/exit?since=0")
	before := d.get("/streams/1/out?since=0")
	d.killWorker()
	if after := d.get("/streams/1/out?since=0"); after != before {
		t.Errorf("%q, before the worker died %q", after, before)
	}
}

// TestTokensOutliveTheWorker has a worker die that made a token, without a state
// directory, and takes the token file away.
func TestTokensOutliveTheWorker(t *testing.T) {
	file := file(t, "token", "s3cret-s3cret\n")
	d := start(t, io.Discard, "--token-file", file)
	token := d.addToken(`{"name": "ci", "scope": "read"}`, "s3cret-s3cret")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		worker := d.worker()
		syscall.Kill(worker, syscall.SIGKILL)
		for end := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
			if now := d.worker(); now != 0 && now != worker {
				break
			}
			if time.Now().After(end) {
				t.Fatal("no other worker came")
			}
		}
		for shown, want := range map[string]int{token: 200, "s3cret-s3cret": 200, "": 401, "gaffer_x": 401} {
			if status := d.ask("GET", "/processes", "", shown); status != want {
				t.Errorf("token %q: %d, want %d", shown, status, want)
			}
		}
	}
	says(t, d.stderr.String(), "the token file cannot be read any more")
}

// TestUpgradeWithDamagedState asks for an upgrade to a worker that could not start in
// the state directory: this one stays.
func TestUpgradeWithDamagedState(t *testing.T) {
	state := t.TempDir()
	d := start(t, io.Discard, "--bind=unix:"+filepath.Join(t.TempDir(), "s"), "--state-dir="+state)
	tokens := filepath.Join(state, "tokens", "tokens.json")
	if err := os.WriteFile(tokens, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	worker := d.worker()
	d.signal(syscall.SIGUSR2)
	d.stderr.wait(t, `not upgraded: .*tokens.json`)
	if now := d.worker(); now != worker || d.get("/ping") != "OK" {
		t.Errorf("the worker is %d, and was %d", now, worker)
	}
	if err := os.Remove(tokens); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGUSR2)
	d.stderr.wait(t, `the worker was replaced`)
}
