package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const mostOfAMessage = 64 << 20

// partners are the processes that the clients talk to.
type partners struct {
	*daemon
	sockets []string // echo, digest, sink and ending
	feed    string   // one that has ended
}

func newPartners(t *testing.T, args ...string) partners {
	d := start(t, args...)
	p := partners{daemon: d}
	for _, c := range []struct {
		name  string
		child properties
	}{
		{"echo", child("echo", nil, nil)},
		{"digest", child("digest", map[string]string{"BYTES": strconv.Itoa(mostOfAMessage)}, nil)},
		{"sink", script("cat >/dev/null", nil)},
		{"ending", script("read -r line", properties{"restart": "never"})},
	} {
		c.child["redirect_input"] = true
		pid := d.run(c.name, c.child)
		p.sockets = append(p.sockets, fmt.Sprintf("ws://%s/wstreams/%d", d.addr(), pid))
	}
	exits := d.watch("/proc/said/exit")
	d.ok("POST", "/processes", describeProcess("said", script(`printf 'héllo\n\n\377bad\r\nold mac\runfinished'`, properties{"restart": "never"})))
	p.feed = fmt.Sprintf("%s/streams/%d/stdout?feed=eventsource&since=0", d.url, exits.next().PID)
	return p
}

// conversation is what every websocket client must get.
func conversation() map[string]string {
	sum := sha256.Sum256(bytes.Repeat([]byte{0xa5}, mostOfAMessage))
	return map[string]string{
		"text":     "text héllo wörld\n",
		"binary":   "binary 255,254,0,255",
		"large":    fmt.Sprintf("%x\n", sum),
		"tooLarge": "1009",
		"end":      "1000 exit 0",
	}
}

// said is what every client of server-sent events must get.
var said = []string{"7 héllo", "8 ", "14 \ufffdbad", "22 old mac", "32 unfinished"}

// output runs a client, which prints JSON, into v.
func output(t *testing.T, v any, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("%s printed %q: %v", cmd, out, err)
	}
}

// npm returns the path of a script beside the modules from npm.
func npm(t *testing.T, script string) string {
	t.Helper()
	tool(t, "node")
	dir := filepath.Join("testdata", "npm")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missing(t, "what `npm ci --prefix internal/e2e/testdata/npm` installs")
	}
	return filepath.Join(dir, script)
}

func TestNPMWebsocket(t *testing.T) {
	script := npm(t, "ws.mjs")
	var got map[string]string
	output(t, &got, "node", append([]string{script}, newPartners(t).sockets...)...)
	if diff := cmp.Diff(conversation(), got); diff != "" {
		t.Error(diff)
	}
}

func TestNPMEventsource(t *testing.T) {
	script := npm(t, "eventsource.mjs")
	var got []string
	output(t, &got, "node", script, newPartners(t).feed)
	if diff := cmp.Diff(said, got); diff != "" {
		t.Error(diff)
	}
}

func TestPythonWebsocket(t *testing.T) {
	const python = "/usr/bin/python3" // the one that Debian's packages belong to
	if err := exec.Command(python, "-c", "import websocket").Run(); err != nil {
		missing(t, "Python's websocket-client (python3-websocket)")
	}
	var got map[string]string
	args := append([]string{filepath.Join("testdata", "websocket_client.py")}, newPartners(t).sockets...)
	output(t, &got, python, args...)
	if diff := cmp.Diff(conversation(), got); diff != "" {
		t.Error(diff)
	}
}

// browse opens testdata/page.html in a browser and returns what it found out.
func browse(t *testing.T, site *site, p partners) map[string]any {
	t.Helper()
	chromium := tool(t, "chromium")
	query := url.Values{"daemon": {p.url}, "events": {p.feed}, "ws": p.sockets}
	cmd := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
		"--user-data-dir="+t.TempDir(), site.URL+"/page.html?"+query.Encode())
	// A group of its own, so that all of the browser can be ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	select {
	case result := <-site.result:
		return result
	case <-time.After(2 * limit):
		t.Fatalf("the page reports nothing\n%s", log.String())
		return nil
	}
}

// site is a web server with the page, which reports to it.
type site struct {
	*httptest.Server
	result chan map[string]any
}

func newSite(t *testing.T) *site {
	s := &site{result: make(chan map[string]any, 1)}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var result map[string]any
		if err := json.NewDecoder(r.Body).Decode(&result); err != nil {
			t.Error(err)
		}
		s.result <- result
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// asJSON is v as it comes out of JSON.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestBrowser(t *testing.T) {
	tool(t, "chromium")
	site := newSite(t)
	config := filepath.Join(t.TempDir(), "gaffer.ini")
	if err := os.WriteFile(config, []byte("[gaffer]\nallow_origins = "+site.URL+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := browse(t, site, newPartners(t, config))
	want := map[string]any{
		"fetch":     "OK",
		"post":      "{\"ok\": true}\n",
		"events":    asJSON(t, said),
		"websocket": asJSON(t, conversation()),
	}
	if ping, _ := got["fetch"].(string); strings.TrimSpace(ping) == "OK" {
		got["fetch"] = "OK"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestForeignPage opens the page from a site that nobody has allowed: it can do
// nothing, and learns nothing.
func TestForeignPage(t *testing.T) {
	tool(t, "chromium")
	p := newPartners(t)
	got := browse(t, newSite(t), p)
	want := map[string]any{
		"fetch":     "TypeError: Failed to fetch",
		"post":      "TypeError: Failed to fetch",
		"events":    []any{},
		"websocket": "Error: websocket failed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e := p.exits("ending"); len(e) > 0 {
		t.Errorf("the page has reached a process: %+v", e)
	}
}

// TestCurlIsToldOfAGap has curl read too slowly: it must not take the break for
// the end.
func TestCurlIsToldOfAGap(t *testing.T) {
	heavy(t)
	curl := tool(t, "curl")
	d := start(t)
	pid := d.run("flood", child("flood", map[string]string{"BYTES": strconv.Itoa(floodSize)}, properties{"redirect_input": true}))
	cmd := exec.Command(curl, "--silent", "--show-error", "--no-buffer", "--limit-rate", "4M",
		fmt.Sprintf("%s/streams/%d/stdout?feed=continuous&since=0&heartbeat=0.2", d.url, pid))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // a heartbeat: curl is there
		t.Fatal(err)
	}
	d.input(pid, "go\n")
	n, _ := io.Copy(io.Discard, out)
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.ExitCode() != 18 {
		t.Errorf("after %d bytes of %d curl ended with %v, want exit status 18", n, floodSize, exit)
	}
}
