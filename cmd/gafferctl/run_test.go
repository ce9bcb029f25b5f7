package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestUsageErrors(t *testing.T) {
	t.Setenv("GAFFER_URL", "http://127.0.0.1:1") // none of these gets that far
	tests := []struct {
		args string
		want string // on stderr
	}{
		{"nosuch", "gafferctl: there is no command \"nosuch\"\nUsage: gafferctl [--connect URL] COMMAND\nTry 'gafferctl help'.\n"},
		{"stat", "gafferctl: there is no command \"stat\"; did you mean status or stats or start or stop?\nUsage: gafferctl [--connect URL] COMMAND\nTry 'gafferctl help'.\n"},
		{"list", "gafferctl: there is no command \"list\"; did you mean status?\n"},
		{"update", "gafferctl: there is no command \"update\"; did you mean update_process or reload?\n"},
		{"shutdown", "gafferctl: there is no command \"shutdown\": to stop the daemon, send gafferd a SIGTERM, or run systemctl stop gafferd\n"},
		{"token rm", "gafferctl: there is no command \"token rm\"; did you mean token revoke?\n"},
		{"kill -9 web", "gafferctl: -9: the signal comes last, without a dash: gafferctl kill NAME 9\n"},
		{"kill web -TERM", "gafferctl: -TERM: the signal comes last, without a dash: gafferctl kill web TERM\n"},
		{"add_process web sh -c true", "gafferctl: unknown shorthand flag: 'c' in -c: put -- before the command line if that is a flag of its own\n"},
		{"kill -x web", "gafferctl: unknown shorthand flag: 'x' in -x\n"},
		{"completion", "gafferctl: completion for which shell? bash, zsh, fish or powershell\n"},
		{"completion tcsh", "gafferctl: there is no completion for \"tcsh\": want bash, zsh, fish or powershell\n"},
		{"add", "gafferctl: an argument is missing\nUsage: gafferctl add [--wait[=SECONDS]] NAME [N]\nTry 'gafferctl help add'.\n"},
		{"add web 1 2", "gafferctl: \"2\" is one argument too many\nUsage: gafferctl add [--wait[=SECONDS]] NAME [N]\nTry 'gafferctl help add'.\n"},
		{"add web many", "gafferctl: \"many\": want a number, 0 or more\n"},
		{"scale web -- -1", "gafferctl: \"-1\": want how many instances there are to be; to run 1 fewer: gafferctl sub web 1\n"},
		{"add web -0", "gafferctl: unknown shorthand flag: '0' in -0\n"},
		{"start web 12", "gafferctl: \"12\" is the pid of an instance: want the name of a process\n"},
		{"del_process web 12", "gafferctl: \"12\" is the pid of an instance: want the name of a process\n"},
		{"restart web 12", "gafferctl: \"12\" is the pid of an instance: want the name of a process; gafferctl stop 12 has that instance alone replaced by a new one\n"},
		{"start --wait=soon web", "gafferctl: --wait \"soon\": want a number of seconds, or nothing\n"},
		{"start --wait=-1 web", "gafferctl: --wait \"-1\": want a number of seconds, or nothing\n"},
		{"start --wiat web", "gafferctl: unknown flag: --wiat; did you mean --wait?\n"},
		{"groups nosuch", "gafferctl: there is no command \"groups nosuch\"\n"},
		{"groups stop", "gafferctl: an argument is missing\nUsage: gafferctl groups stop [--wait[=SECONDS]] GROUP…\nTry 'gafferctl help groups stop'.\n"},
		{"-o xml status", "gafferctl: --output \"xml\": want table, json, plain\n"},
		{"--connect localhost:5000 status", "gafferctl: address \"localhost:5000\": want http://HOST:PORT, https://HOST:PORT or unix:///PATH\n"},
		{"--certfile c status", "gafferctl: a certificate and its key go together: one of the two is missing\n"},
		{"--token-file /no/such/file status", "gafferctl: --token-file: open /no/such/file: no such file or directory\n"},
		{"--token-file /dev/null status", "gafferctl: --token-file: /dev/null is empty\n"},
		{"watch --heartbeat=0", "gafferctl: --heartbeat \"0\": want a number of seconds, 0.1 at least\n"},
		{"streams --tail=-1 web", "gafferctl: --tail \"-1\": want a number of lines, or all\n"},
		{"token add ci --scope foo", "gafferctl: --scope \"foo\": want read, write, control or admin, or several with commas between them\n"},
		{"help nosuch", "gafferctl: there is no command \"nosuch\"\n"},
	}
	for _, tt := range tests {
		o := gafferctl(t, "", strings.Fields(tt.args)...)
		if o.code != exitUsage || !strings.HasPrefix(o.stderr, tt.want) || o.stdout != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want 2 and %q", tt.args, o.code, o.stdout, o.stderr, tt.want)
		}
		if !strings.Contains(o.stderr, "\nUsage: gafferctl ") {
			t.Errorf("%s: no usage in %q", tt.args, o.stderr)
		}
	}
}

func TestUnreachable(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	deserted := write(t, "sock", "") // what listened there has been killed
	tests := []struct{ address, want string }{
		{"http://127.0.0.1:1", "gafferctl: cannot reach gafferd at http://127.0.0.1:1: connection refused, nobody listens there: start it with gafferd, or name another address with --connect\n"},
		{"unix:///no/such/socket", "gafferctl: cannot reach gafferd at unix:///no/such/socket: there is no such file: start it with gafferd --bind unix:/no/such/socket, or name another address with --connect\n"},
		{"unix:" + deserted, "gafferctl: cannot reach gafferd at unix:" + deserted + ": connection refused, nobody listens on that socket: start it with gafferd --bind unix:" + deserted + ", or name another address with --connect\n"},
		{secure.URL, "name the authority that signed its certificate with --cacert\n"},
	}
	for _, tt := range tests {
		for _, command := range []string{"status", "streams 1", "watch", "attach 1", "stdin 1", "start web"} {
			o := gafferctl(t, "", append([]string{"--connect", tt.address}, strings.Fields(command)...)...)
			if o.code != exitUnreachable || !strings.HasSuffix(o.stderr, tt.want) {
				t.Errorf("%s %s: exit %d, %q, want 3 and %q", tt.address, command, o.code, o.stderr, tt.want)
			}
		}
	}
	plain := strings.Replace(secure.URL, "https:", "http:", 1)
	o := gafferctl(t, "", "--connect", plain, "status")
	if want := "gafferctl: TLS is spoken at " + plain + ": use https:// instead of http://\n"; o.code != exitFailed || o.stderr != want {
		t.Errorf("%s: exit %d, %q, want 1 and %q", plain, o.code, o.stderr, want)
	}
	t.Setenv("GAFFER_URL", "http://127.0.0.1:2")
	if o := gafferctl(t, "", "status"); o.code != exitUnreachable || !strings.Contains(o.stderr, "http://127.0.0.1:2") {
		t.Errorf("with $GAFFER_URL: exit %d, %q", o.code, o.stderr)
	}
}

func TestDaemonThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("GAFFER_URL", "http://"+l.Addr().String())
	saved := patience
	patience = 50 * time.Millisecond
	defer func() { patience = saved }()
	o := gafferctl(t, "", "status")
	if o.code != exitUnreachable || !strings.Contains(o.stderr, "did not answer within 50ms") {
		t.Errorf("exit %d, %q", o.code, o.stderr)
	}
	if o := gafferctl(t, "", "__complete", "status", ""); o.code != exitOK || !strings.Contains(o.stdout, ":4\n") {
		t.Errorf("completion: exit %d, %q", o.code, o.stdout)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := run(ctx, []string{"status"}, strings.NewReader(""), io.Discard, io.Discard); code != exitFailed {
		t.Errorf("interrupted: exit %d, want 1", code)
	}
}

func TestSomethingElseListens(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	o := gafferctl(t, "", "--connect", s.URL, "status")
	if want := "gafferctl: unexpected answer 404 Not Found: is it gafferd that listens there?\n"; o.code != exitFailed || o.stderr != want {
		t.Errorf("exit %d, %q, want 1 and %q", o.code, o.stderr, want)
	}
}

func TestToken(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error": "unauthorized", "reason": "an access token is needed"}`)
			return
		}
		io.WriteString(w, `["web"]`)
	}))
	defer s.Close()
	t.Setenv("GAFFER_URL", s.URL)
	o := gafferctl(t, "", "processes")
	if want := "gafferctl: an access token is needed (unauthorized): give an access token with --token-file or $GAFFER_TOKEN\n"; o.code != exitFailed || o.stderr != want {
		t.Errorf("without a token: exit %d, %q, want %q", o.code, o.stderr, want)
	}
	if got := must(t, "--token-file", write(t, "token", "s3cret\n"), "processes"); got != "web\n" {
		t.Errorf("with a token: got %q", got)
	}
	t.Setenv("GAFFER_TOKEN", "s3cret")
	if got := must(t, "processes"); got != "web\n" {
		t.Errorf("with a token in the environment: got %q", got)
	}
}

func TestNotDoneInTime(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "stubborn", "cmd": "sh", "args": ["-c", "trap '' TERM; echo up; while :; do sleep 1; done"], "graceful_timeout": 2}`))
	f := follow(t, "streams", "--tail", "all", "stubborn")
	f.until(t, "up")
	f.interrupt()
	o := gafferctl(t, "", "stop", "--wait=0.1", "stubborn")
	if want := "gafferctl: it is under way, but was not done within the time given to --wait\n"; o.code != exitFailed || o.stderr != want {
		t.Errorf("exit %d, %q, want 1 and %q", o.code, o.stderr, want)
	}
	must(t, "kill", "stubborn", "9")
	must(t, "stop", "--wait", "stubborn")
	if code := f.end(t); code != exitOK {
		t.Errorf("an interrupted streams: exit %d: %s", code, f.stderr.String())
	}
}

// What is waited for is waited for together: here the first ends only once the
// last has been told to. Else it is killed, after its graceful_timeout.
func TestSeveralAreWaitedForTogether(t *testing.T) {
	serve(t)
	dir := t.TempDir()
	for name, onTerm := range map[string]string{"first": "until test -e told; do sleep 0.01; done; exit 5", "last": "touch told; exit 6"} {
		must(t, "load_process", "--start", "--wait", write(t, "p.json", fmt.Sprintf(
			`{"name": %q, "cmd": "sh", "args": ["-c", "trap '%s' TERM; echo up; while :; do sleep 0.01; done"], "graceful_timeout": 5, "cwd": %q}`, name, onTerm, dir)))
		f := follow(t, "streams", "--tail", "all", name)
		f.until(t, "up")
		f.interrupt()
	}
	if got, want := must(t, "stop", "--wait", "first", "last"), "first: ok\nlast: ok\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, want := range map[string]string{"first": "exited with status 5", "last": "exited with status 6"} {
		if got := must(t, "why", name); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOneOfSeveralIsNotDoneInTime(t *testing.T) {
	serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", `{"name": "stubborn", "cmd": "sh", "args": ["-c", "trap '' TERM; echo up; while :; do sleep 1; done"], "graceful_timeout": 20}`))
	must(t, "add_process", "idle", "sleep 1000")
	f := follow(t, "streams", "--tail", "all", "stubborn")
	f.until(t, "up")
	f.interrupt()
	o := gafferctl(t, "", "stop", "--wait=0.1", "stubborn", "idle")
	if want := (outcome{exitFailed, "idle: ok\n", "gafferctl: stubborn: it is under way, but was not done within the time given to --wait\n"}); o != want {
		t.Errorf("got %v, want %v", o, want)
	}
	must(t, "kill", "stubborn", "9")
}
