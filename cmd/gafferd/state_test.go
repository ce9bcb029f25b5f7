package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/manager"
)

// post sends a body and returns the answer's status.
func (d *daemon) post(path, body string) int {
	d.t.Helper()
	resp, err := http.Post(d.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestStateOutlivesTheDaemon(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "gaffer.ini")
	ini := "[gaffer]\nstate_dir = state\n[process:filed]\ncmd = " + child(t, "stubborn") + "\ngraceful_timeout = 0\n"
	if err := os.WriteFile(config, []byte(ini), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, nil, config)
	d.running()
	for _, name := range []string{"made", "clash"} {
		if got := d.post("/processes?wait=true", fmt.Sprintf(`{"name": %q, "cmd": "echo %s", "restart": "never"}`, name, name)); got != 200 {
			t.Fatalf("create %s: %d", name, got)
		}
		d.get("/watch/proc/" + name + "/exit?since=0&feed=longpoll")
	}
	url := d.get("/v1/apps/made/logs")
	token := url[strings.Index(url, "?token="):strings.LastIndex(url, `"`)]
	before := d.get("/apps/made/logs")
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for name, mode := range map[string]os.FileMode{"state": 0o700 | os.ModeDir, "state/key": 0o600, "state/templates.json": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want mode %v", name, info.Mode(), err, mode)
		}
	}

	ini += "[process:clash]\ncmd = " + child(t, "stubborn") + "\ngraceful_timeout = 0\n"
	if err := os.WriteFile(config, []byte(ini), 0o600); err != nil {
		t.Fatal(err)
	}
	d = start(t, nil, config)
	d.stderr.wait(t, `not restored.*process=clash`)
	if got := d.get("/processes"); got != `["filed","clash","made"]`+"\n" {
		t.Errorf("processes %s", got)
	}
	if after := d.get("/apps/made/logs" + token); !strings.HasPrefix(after, before) || before == "" {
		t.Errorf("logs were %q, are %q", before, after)
	}
	if exits := d.get("/processes/made/_exits"); !strings.HasPrefix(exits, `[{"pid":2,`) {
		t.Errorf("exits %s", exits)
	}
}

// TestStateWaitsForPredecessor holds that a daemon that is started while another
// is stopping takes over its address and its state.
func TestStateWaitsForPredecessor(t *testing.T) {
	dir := t.TempDir()
	first := start(t, nil, "--state-dir", dir)
	first.post("/processes?wait=true", `{"name": "web", "cmd": "`+child(t, "stubborn")+`", "graceful_timeout": 0}`)
	address := strings.TrimPrefix(first.url, "http://")
	cmd := command(t, "--state-dir", dir, "--bind", address)
	said := newWatched()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	said.wait(t, fmt.Sprintf(`waiting for another gafferd.*os_pid=%d`, first.cmd.Process.Pid))
	first.signal(syscall.SIGTERM)
	said.wait(t, `listens on http://`+address)
	second := &daemon{t: t, url: first.url}
	if got := second.get("/processes"); got != `["web"]`+"\n" {
		t.Errorf("processes %s", got)
	}
}

func TestStateThatCannotBeUsed(t *testing.T) {
	says(t, fails(t, exitFailed, "--bind=127.0.0.1:0", "--state-dir", file(t, "notadir", "")), "state directory", "notadir", "not a directory")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "templates.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, fails(t, exitFailed, "--bind=127.0.0.1:0", "--state-dir", dir), "templates.json is damaged", "move it away")
}

// TestSignalEndsWaitingForPredecessor holds that Ctrl-C works meanwhile.
func TestSignalEndsWaitingForPredecessor(t *testing.T) {
	dir := t.TempDir()
	start(t, nil, "--state-dir", dir)
	cmd := command(t, "--state-dir", dir, "--bind=127.0.0.1:0")
	said := newWatched()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.wait(t, "waiting for another gafferd")
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	says(t, said.String(), "another program has it open", "choose another directory with --state-dir")
}

// TestSignalWhileStateIsOpened holds that a signal that comes too late to keep the
// directory from being opened still stops the daemon.
func TestSignalWhileStateIsOpened(t *testing.T) {
	signals := make(chan os.Signal, 1)
	for range 50 {
		signals <- syscall.SIGTERM
		state, err := openState(t.Context(), t.TempDir(), manager.StateOptions{}, signals, func() {}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		state.Close()
		select {
		case <-signals:
		default:
			t.Fatal("the signal is lost")
		}
	}
}
