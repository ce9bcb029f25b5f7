package main

import (
	"bytes"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, content string
		code          int
		says          []string
	}{
		{"good.yaml", "processes:\n  web: {cmd: ./web, numprocesses: 2}\n  idle: {cmd: ./idle, start: false}\n", exitOK,
			[]string{"good.yaml is ok: 2 processes (2 instances to start), 0 webhooks, listening on 127.0.0.1:5000"}},
		{"odd.ini", "[process:web]\ncmd = ./web\n[env:wbe]\nport = 80\n", exitOK,
			[]string{"warning: ", "odd.ini:3: [env:wbe]", "odd.ini is ok: 1 process (1 instance to start)"}},
		{"wrong.yaml", "processes:\n  web:\n    cmd: ./web\n    start: maybe\n    shel: true\n", exitFailed,
			[]string{"wrong.yaml:4: processes.web.start", "wrong.yaml:5: processes.web.shel"}},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--check", file(t, test.name, test.content)}, &stdout, &stderr)
		if code != test.code {
			t.Errorf("%s: exit code %d, want %d", test.name, code, test.code)
		}
		says(t, stdout.String()+stderr.String(), test.says...)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--check"}, &stdout, &stderr); code != exitUsage {
		t.Errorf("without a file: exit code %d, want %d\n%s", code, exitUsage, &stderr)
	}
	if code := run(t.Context(), []string{"--check", "/nowhere/gaffer.yaml"}, &stdout, &stderr); code != exitFailed {
		t.Errorf("no such file: exit code %d, want %d", code, exitFailed)
	}
}
