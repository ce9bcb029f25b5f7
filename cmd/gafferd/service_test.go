package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/systemd"
	"github.com/gafferd/gaffer/manager"
)

// fakeSystemd is systemd as far as a service sees it: it starts a program with
// sockets, and hears what the program tells.
type fakeSystemd struct {
	t      *testing.T
	notify *net.UnixConn
	env    []string
	files  []*os.File
	names  []string
}

func newFakeSystemd(t *testing.T) *fakeSystemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &fakeSystemd{t: t, notify: conn, env: []string{"NOTIFY_SOCKET=" + path}}
}

// socket opens a socket as a socket unit of that name would, and returns where.
func (f *fakeSystemd) socket(name, network, address string) string {
	f.t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		f.t.Fatal(err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { file.Close() })
	address = l.Addr().String()
	l.Close() // the file is the socket too
	f.files, f.names = append(f.files, file), append(f.names, name)
	return address
}

// start starts gafferd. A shell becomes it, so that its pid is known before it
// starts.
func (f *fakeSystemd) start(args ...string) *daemon {
	f.t.Helper()
	return begun(f.t, f.command(args...), nil)
}

func (f *fakeSystemd) command(args ...string) *exec.Cmd {
	f.t.Helper()
	cmd := command(f.t, args...)
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"`, "sh", cmd.Path}, args...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, f.env...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(f.files)), "LISTEN_FDNAMES="+strings.Join(f.names, ":"))
	cmd.ExtraFiles = f.files
	return cmd
}

// hears waits for a message that matches, and skips others.
func (f *fakeSystemd) hears(pattern string) []string {
	f.t.Helper()
	want := regexp.MustCompile(pattern)
	f.notify.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	var heard []string
	for {
		n, err := f.notify.Read(buf)
		if err != nil {
			f.t.Fatalf("%s was not told: %v; but %q", pattern, err, heard)
		}
		if m := want.FindStringSubmatch(string(buf[:n])); m != nil {
			return m
		}
		heard = append(heard, string(buf[:n]))
	}
}

func TestServiceIsTold(t *testing.T) {
	conf := file(t, "gaffer.ini", "[process:web]\ncmd = sleep 1000\nnumprocesses = 2\ngraceful_timeout = 500\n"+
		"[process:idle]\ncmd = sleep 1000\nstart = no\npriority = 1\ngraceful_timeout = 70\n")
	f := newFakeSystemd(t)
	f.env = append(f.env, "WATCHDOG_USEC=200000")
	d := f.start(conf, "--bind=127.0.0.1:0")
	f.hears(`^READY=1\nSTATUS=Instances: \d running`)
	f.hears(`^WATCHDOG=1$`)
	f.hears(`^WATCHDOG=1$`)

	// What the children do is seen without being asked for.
	resp, err := http.Post(d.url+"/processes/web/_scale/3", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	f.hears(`^STATUS=Instances: 3 running$`)

	before := monotonic(t)
	d.signal(syscall.SIGHUP)
	var at int64
	fmt.Sscan(f.hears(`^RELOADING=1\nMONOTONIC_USEC=(\d+)$`)[1], &at)
	if now := monotonic(t); at < before || at > now {
		t.Errorf("the reload began at %d, which is not between %d and %d", at, before, now)
	}
	f.hears(`^READY=1\nSTATUS=`)

	d.signal(syscall.SIGTERM)
	f.hears(`^STOPPING=1\nSTATUS=Stopping. Instances: 3 running\nEXTEND_TIMEOUT_USEC=600000000$`)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestStatusCatchesUp has something change between the words that the daemon is ready and
// the first look at how it is doing.
func TestStatusCatchesUp(t *testing.T) {
	f := newFakeSystemd(t)
	for _, variable := range f.env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	notifier, err := systemd.NewNotifier()
	if err != nil {
		t.Fatal(err)
	}
	m := manager.New(manager.Options{})
	defer m.Shutdown(t.Context())
	s := &service{log: slog.New(slog.DiscardHandler), notifier: notifier}
	s.update(m) // what a new worker has not taken over yet is not gone
	s.ready(m)
	if first := f.hears(`(?s)^.*$`)[0]; first != "READY=1\nSTATUS=Instances: 0 running" {
		t.Errorf("first it is told %q", first)
	}
	nap := manager.NewTemplate("nap", "sleep")
	nap.Args = []string{"1000"}
	o, err := m.Create(nap)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	following := begin(func(ctx context.Context) error { return s.follow(ctx, m) })
	defer following.stop()
	f.hears(`^STATUS=Instances: 1 running$`)

	s.stopping(m)
	f.hears(`^STOPPING=1\nSTATUS=Stopping. Instances: 1 running\n`)
	if err := m.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.hears(`^STATUS=Stopping. Instances: 0 running`)
}

// monotonic is the time on the clock of MONOTONIC_USEC.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// TestChildrenDoNotTalkToSystemd holds that a process gets nothing that was
// meant for the daemon.
func TestChildrenDoNotTalkToSystemd(t *testing.T) {
	f := newFakeSystemd(t)
	f.socket("gafferd.socket", "tcp", "127.0.0.1:0")
	f.env = append(f.env, "WATCHDOG_USEC=9000000")
	seen := filepath.Join(t.TempDir(), "seen")
	conf := file(t, "gaffer.ini", "[process:web]\nshell = yes\nrestart = never\ncmd = (env; ls -l /proc/$$/fd) > "+seen+"; mv "+seen+" "+seen+".done\n")
	d := f.start(conf)
	d.get("/watch/exit?since=0")
	text, err := os.ReadFile(seen + ".done")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "socket:"} {
		if bytes.Contains(text, []byte(word)) {
			t.Errorf("a process has %s:\n%s", word, text)
		}
	}
}

func TestSocketActivation(t *testing.T) {
	f := newFakeSystemd(t)
	// Somebody connects before the daemon is there, and waits.
	address := f.socket("gafferd.socket", "tcp", "127.0.0.1:0")
	path := f.socket("gafferd.socket", "unix", filepath.Join(t.TempDir(), "s"))
	early, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	fmt.Fprint(early, "GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	d := f.start()
	early.SetReadDeadline(time.Now().Add(patience))
	var answer bytes.Buffer
	answer.ReadFrom(early)
	says(t, answer.String(), "200 OK", "OK")

	says(t, d.stderr.String(), "listens on http://"+address+", unix://"+path+".")
	local := &daemon{t: t, url: "unix://" + path}
	if got := local.get("/ping"); got != "OK" {
		t.Errorf("the unix socket answers %q", got)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// The socket is systemd's: it stays, and the next daemon answers.
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	f.start()
	if got := local.get("/ping"); got != "OK" {
		t.Errorf("after a restart the unix socket answers %q", got)
	}
}

// TestSocketsByName holds that a socket is its endpoint's in all but where it
// listens, and that the other endpoints are as ever.
func TestSocketsByName(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	conf := file(t, "gaffer.ini", "[gaffer]\nhttp_endpoints = local, public\n"+
		"[endpoint:local]\nbind = 127.0.0.1:0\n"+
		"[endpoint:public]\nbind = 192.0.2.1:1\ncertfile = "+certFile+"\nkeyfile = "+keyFile+"\n")
	f := newFakeSystemd(t)
	address := f.socket("public", "tcp", "127.0.0.1:0")
	d := f.start(conf)
	urls := d.stderr.wait(t, `listens on (http://127\.0\.0\.1:\d+), (https://127\.0\.0\.1:\d+)\.`)
	if urls[2] != "https://"+address {
		t.Errorf("the endpoint with the socket %s listens on %s", address, urls[2])
	}
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("the other endpoint answers %q", got)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestSocketThatIsNone(t *testing.T) {
	f := newFakeSystemd(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f.files, f.names = []*os.File{null}, []string{"odd"}
	cmd := f.command("--bind=127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("it ends with %v", err)
	}
	says(t, string(out), "descriptor 3 from systemd (odd): no socket")
}

func TestAssign(t *testing.T) {
	a, b, unnamed := config.Endpoint{Name: "a"}, config.Endpoint{Name: "b"}, config.Endpoint{}
	for _, c := range []struct {
		endpoints []config.Endpoint
		sockets   string // their names
		want      string // for each endpoint the sockets it gets
	}{
		{[]config.Endpoint{a, b}, "", "a= b="},
		{[]config.Endpoint{a, b}, "b a", "a=a b=b"},
		{[]config.Endpoint{a, b}, "b", "a= b=b"},
		{[]config.Endpoint{a, b}, "b b", "a= b=b,b"},
		{[]config.Endpoint{a, b}, "x y", "a=x b=y"},
		{[]config.Endpoint{a, b}, "x b", "a=x b=b"},
		{[]config.Endpoint{a, b}, "x y z", "a=x b=y,z"},
		{[]config.Endpoint{a, b}, "b x y", "a=x,y b=b"},
		{[]config.Endpoint{unnamed}, "gafferd.socket gafferd.socket", "=gafferd.socket,gafferd.socket"},
		{[]config.Endpoint{a}, "a x", "the socket x"},
	} {
		var sockets []systemd.Socket
		for _, name := range strings.Fields(c.sockets) {
			sockets = append(sockets, systemd.Socket{Name: name})
		}
		given, err := assign(c.endpoints, sockets)
		var got []string
		for i, e := range c.endpoints {
			var names []string
			for _, s := range given[i] {
				names = append(names, s.Name)
			}
			got = append(got, e.Name+"="+strings.Join(names, ","))
		}
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.sockets, err, c.want)
			}
		} else if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.sockets, got, c.want)
		}
	}
}

// TestStopTime holds that a unit's time to stop is stretched over all that are
// stopped one after the other.
func TestStopTime(t *testing.T) {
	m := manager.New(manager.Options{})
	defer m.Shutdown(t.Context())
	for i, priority := range []*int{nil, nil, new(1), new(1), new(2)} {
		tpl := manager.NewTemplate(fmt.Sprintf("p%d", i), "true")
		tpl.Start, tpl.Priority, tpl.GracefulTimeout = false, priority, time.Duration(i+1)*time.Second
		if _, err := m.Create(tpl); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := stopTime(m), (2+4+5)*time.Second; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
