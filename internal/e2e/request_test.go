package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is what the API answers instead of what was asked for.
type problem struct{ Error, Reason string }

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("answer %d %q: %v", a.status, a.body, err)
	}
	return p
}

// try sends a request and returns its answer, whatever it is.
func (d *daemon) try(method, path string, body io.Reader, header ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(content)}, err
}

func (d *daemon) do(method, path, body string, header ...string) answer {
	d.t.Helper()
	a, err := d.try(method, path, strings.NewReader(body), header...)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// ok sends a request that must succeed.
func (d *daemon) ok(method, path, body string) answer {
	d.t.Helper()
	a := d.do(method, path, body)
	if a.status/100 != 2 {
		d.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

// get reads a resource into v.
func (d *daemon) get(path string, v any) {
	d.t.Helper()
	a := d.ok("GET", path, "")
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		d.t.Fatalf("GET %s: %v in %q", path, err, a.body)
	}
}

// properties are those of a description.
type properties map[string]any

// create makes a process and waits until it runs.
func (d *daemon) create(name string, p properties) {
	d.t.Helper()
	d.ok("POST", "/processes?wait=true", describeProcess(name, p))
}

// run makes a process of one instance and returns its pid.
func (d *daemon) run(name string, p properties) int {
	d.t.Helper()
	d.create(name, p)
	pids := d.pids(name)
	if len(pids) != 1 {
		d.t.Fatalf("process %s has the pids %v", name, pids)
	}
	return pids[0]
}

func describeProcess(name string, p properties) string {
	whole := properties{"name": name}
	for k, v := range p {
		whole[k] = v
	}
	body, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// child is a process that runs one of this package's own children.
func child(name string, env map[string]string, more properties) properties {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	whole := map[string]string{"E2E_CHILD": name}
	for k, v := range env {
		whole[k] = v
	}
	p := properties{"cmd": program, "env": whole, "restart": "never"}
	for k, v := range more {
		p[k] = v
	}
	return p
}

// script is a process that runs a line of shell.
func script(line string, more properties) properties {
	p := properties{"cmd": "bash", "args": []string{"-c", line}}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func (d *daemon) pids(name string) []int {
	d.t.Helper()
	var pids struct{ Pids []int }
	d.get("/processes/"+name+"/_pids", &pids)
	return pids.Pids
}

// status is the answer of /status.
type status struct {
	Active       bool
	Running      int
	MaxProcesses int `json:"max_processes"`
	NumProcesses int
}

func (d *daemon) status(name string) status {
	d.t.Helper()
	var s status
	d.get("/status/"+name, &s)
	return s
}

// exit is an entry of _exits.
type exit struct {
	PID        int
	OSPid      int `json:"os_pid"`
	ExitStatus int `json:"exit_status"`
	TermSignal int `json:"term_signal"`
	Reason     string
	Stderr     []string
}

func (d *daemon) exits(name string) []exit {
	d.t.Helper()
	var exits []exit
	d.get("/processes/"+name+"/_exits", &exits)
	return exits
}

// follow opens a feed. The reader is closed when the test ends.
func (d *daemon) follow(path string, header ...string) *http.Response {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*limit)
	req, err := http.NewRequestWithContext(ctx, "GET", d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	// A connection of its own: each is a subscriber, and none may wait for one.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		cancel()
		d.t.Fatalf("GET %s: %v", path, err)
	}
	d.t.Cleanup(func() {
		resp.Body.Close()
		cancel()
	})
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	return resp
}

// event is one of /watch.
type event struct {
	Event      string
	Name       string
	PID        int
	OSPid      int `json:"os_pid"`
	ExitStatus int `json:"exit_status"`
	TermSignal int `json:"term_signal"`
	Reason     string
	Seq        uint64
	Missed     int
}

// events follows /watch from now on. The pattern is a path: "/exit".
type events struct {
	t       *testing.T
	body    io.ReadCloser
	decoder *json.Decoder
}

func (d *daemon) watch(pattern string) *events {
	d.t.Helper()
	query := "?feed=continuous"
	if strings.Contains(pattern, "?") {
		query = "&feed=continuous"
	}
	body := d.follow("/watch" + pattern + query).Body
	return &events{d.t, body, json.NewDecoder(body)}
}

func (e *events) close() { e.body.Close() }

func (e *events) next() event {
	e.t.Helper()
	var next event
	if err := e.decoder.Decode(&next); err != nil {
		e.t.Fatalf("watch: %v", err)
	}
	return next
}

// until returns the first event that is the one.
func (e *events) until(is func(event) bool) event {
	e.t.Helper()
	for {
		if next := e.next(); is(next) {
			return next
		}
	}
}

// waitFor looks again and again until is says yes, and fails the test if that
// never happens. It is for what publishes no event; wait for the event where
// there is one.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("still not so after %v: %s", limit, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// readLine reads up to the end of a line, and not a byte more.
func readLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line bytes.Buffer
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatalf("after %q: %v", line.String(), err)
		}
		if one[0] == '\n' {
			return line.String()
		}
		line.WriteByte(one[0])
	}
}

// input writes to a process's stdin.
func (d *daemon) input(pid int, text string) {
	d.t.Helper()
	d.ok("POST", fmt.Sprintf("/streams/%d/stdin", pid), text)
}

// lineReader splits at LF and drops a CR before it.
type lineReader struct{ r *bufio.Reader }

func newLineReader(r io.Reader) lineReader { return lineReader{bufio.NewReaderSize(r, 256<<10)} }

func (l lineReader) next() (string, error) {
	line, err := l.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
