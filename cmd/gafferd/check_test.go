package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, content string
		code          int
		says, warns   []string
	}{
		{"good.yaml", "processes:\n  web: {cmd: ./web, numprocesses: 2}\n  idle: {cmd: ./idle, start: false}\n", exitOK,
			[]string{"good.yaml is ok: 2 processes (2 instances to start), 0 webhooks, listening on 127.0.0.1:5000"}, nil},
		{"odd.ini", "[process:web]\ncmd = ./web\n[env:wbe]\nport = 80\n", exitOK,
			[]string{"odd.ini is ok: 1 process (1 instance to start)"}, []string{"warning: ", "odd.ini:3: [env:wbe]"}},
		{"missing.yaml", "processes:\n  web:\n    cmd: ./web\n    cwd: /nowhere\n    uid: no-such-user\n", exitOK,
			[]string{"missing.yaml is ok: 1 process"},
			[]string{"missing.yaml:4: processes.web.cwd: there is no directory /nowhere", `missing.yaml:5: processes.web.uid: there is no user "no-such-user"`}},
		{"trust.yaml", "gaffer: {require_token: true, trust_loopback: true}\n", exitFailed, nil,
			[]string{"trust.yaml:1: gaffer.trust_loopback: ", "leave one out"}},
		{"wrong.yaml", "processes:\n  web:\n    cmd: ./web\n    start: maybe\n    shel: true\n", exitFailed, nil,
			[]string{"wrong.yaml:4: processes.web.start", "wrong.yaml:5: processes.web.shel"}},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--check", file(t, test.name, test.content)}, &stdout, &stderr)
		if code != test.code {
			t.Errorf("%s: exit code %d, want %d", test.name, code, test.code)
		}
		says(t, stdout.String(), test.says...)
		says(t, stderr.String(), test.warns...)
	}
	var stdout, stderr bytes.Buffer
	trusting := file(t, "trusting.yaml", "gaffer: {trust_loopback: true}\n")
	if code := run(t.Context(), []string{"--check", "--require-token", trusting}, &stdout, &stderr); code != exitFailed {
		t.Errorf("with an option that contradicts the file: exit code %d, want %d\n%s", code, exitFailed, &stderr)
	}
	if code := run(t.Context(), []string{"--check"}, &stdout, &stderr); code != exitUsage {
		t.Errorf("without a file: exit code %d, want %d\n%s", code, exitUsage, &stderr)
	}
	if code := run(t.Context(), []string{"--check", "/nowhere/gaffer.yaml"}, &stdout, &stderr); code != exitFailed {
		t.Errorf("no such file: exit code %d, want %d", code, exitFailed)
	}
}

// TestCheckWhatKeepsFromStarting holds that --check says what the start would say.
func TestCheckWhatKeepsFromStarting(t *testing.T) {
	t.Setenv(tokenVariable, "")
	ini := func(gaffer, endpoint string) string {
		return "[gaffer]\nhttp_endpoints = a\n" + gaffer + "\n[endpoint:a]\n" + endpoint + "\n"
	}
	for _, c := range []struct {
		text, want string
		code       int
	}{
		{ini("", "bind = 127.0.0.1:0\ncertfile = none.pem"), "certificate of a: open ", exitFailed},
		{ini("", "bind = 0.0.0.0:7740"), "warning: 0.0.0.0:7740 can be reached from other machines", 0},
		{ini("", "bind = 127.0.0.1:0, :7740"), ":7740 can be reached from other machines", 0},
		{ini("token_file = none", "bind = 127.0.0.1:0"), "token file: open ", exitFailed},
		{ini("require_token = true", "bind = 127.0.0.1:0"), "warning: nobody could come in", 0},
		{ini("require_token = true\nstate_dir = state", "bind = 127.0.0.1:0"), "", 0}, // there may be tokens
		{ini("require_token = true", "bind = 127.0.0.1:0, unix:sock"), "", 0},
		{ini("require_token = true", "bind = unix:sock"), "", 0},
		{ini("state_dir = gaffer.ini", "bind = unix:sock"), "gaffer.ini: not a directory", exitFailed},
		{ini("state_dir = gaffer.ini/state", "bind = unix:sock"), "not a directory", exitFailed},
		{ini("state_dir = more/state", "bind = unix:sock"), "", 0},
		{ini("audit_log = nowhere/log", "bind = unix:sock"), "nowhere/log: no such file or directory", exitFailed},
		{ini("audit_log = .", "bind = unix:sock"), "audit log: open ", exitFailed},
		{ini("audit_log = log", "bind = unix:sock"), "", 0},
	} {
		path := file(t, "gaffer.ini", c.text)
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--check", path}, &stdout, &stderr)
		if code != c.code {
			t.Errorf("%s exits with %d, %s", c.text, code, &stderr)
		}
		says(t, stderr.String(), c.want)
		if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) > 1 {
			t.Errorf("%s leaves %v, %v", c.text, names, err)
		}
		if c.want != "" {
			says(t, fails(t, exitFailed, path), strings.TrimPrefix(c.want, "warning: "))
		}
	}
	path := file(t, "gaffer.ini", ini("plugins_dir = nowhere", "bind = unix:sock"))
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--check", "--log-file=/nowhere/log", "--pidfile=/nowhere/pid", path}, &stdout, &stderr); code != exitFailed {
		t.Errorf("with files that cannot be written it exits with %d", code)
	}
	says(t, stderr.String(), "log file: open /nowhere/log: ", "pid file: open /nowhere/pid: ", "warning: plugins_dir: there is no folder ")

	t.Setenv(tokenVariable, "secret")
	trusting := file(t, "gaffer.ini", ini("trust_loopback = true", "bind = 127.0.0.1:0"))
	says(t, fails(t, exitFailed, "--check", trusting), "leave one out")
}
