package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func init() {
	children["tick"] = tick
}

// tick writes numbered lines until it is told to stop, and then one more: BURST
// of them as fast as it can, the others 2 ms apart.
func tick() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	burst := int(number("BURST"))
	for i := 0; ; i++ {
		select {
		case <-stop:
			fmt.Println("line", i)
			return
		default:
			fmt.Println("line", i)
			if i >= burst {
				time.Sleep(2 * time.Millisecond)
			}
		}
	}
}

// lives are one gafferd after the other, with the same state and address.
type lives struct {
	t     *testing.T
	state string
	addr  string
	mark  string
	cmd   *exec.Cmd
	log   *os.File
}

func newLives(t *testing.T) *lives {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lives{t: t, state: filepath.Join(t.TempDir(), "state"), addr: "127.0.0.1:0", mark: fmt.Sprint("lives", rand.Int64()), log: log}
	t.Cleanup(func() {
		if l.cmd.ProcessState == nil {
			l.end(syscall.SIGTERM)
		}
		for _, pid := range marked("E2E_MARK=" + l.mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log:\n%s", lastLines(string(text), 40))
		}
	})
	return l
}

func (l *lives) begin() {
	l.t.Helper()
	from, _ := l.log.Seek(0, io.SeekEnd)
	l.cmd = exec.Command(filepath.Join(bin, "gafferd"), "--bind", l.addr, "--state-dir", l.state)
	l.cmd.Env = append(os.Environ(), "E2E_MARK="+l.mark)
	l.cmd.Stderr = l.log
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	waitFor(l.t, "gafferd listens", func() bool {
		text, _ := os.ReadFile(l.log.Name())
		m := greeting.FindSubmatch(text[from:])
		if m != nil {
			l.addr = strings.TrimPrefix(string(m[1]), "http://")
		}
		return m != nil
	})
}

func (l *lives) end(sig syscall.Signal) {
	l.t.Helper()
	_ = l.cmd.Process.Signal(sig)
	if err := l.cmd.Wait(); err != nil && sig != syscall.SIGKILL {
		l.t.Errorf("gafferd ended with %v", err)
	}
}

func (l *lives) create(name string, p properties) {
	l.t.Helper()
	resp, err := http.Post("http://"+l.addr+"/processes?wait=true", "application/json", strings.NewReader(describeProcess(name, p)))
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		l.t.Fatalf("create: %s", resp.Status)
	}
}

// logLine is what a reader looks at.
type logLine struct {
	Event, Log, Cursor string
	PID, Missed        int
}

// logReader follows the logs of an app over cut connections and ends of the
// daemon, and checks that every instance's numbers come once and in order.
type logReader struct {
	name   string
	url    func(cursor string) string
	read   func(ctx context.Context, url string, line func(logLine) bool)
	lost   bool // numbers may be left out: a daemon is killed
	cursor string

	mu     sync.Mutex  // guards everything below
	next   map[int]int // the number that is due, by pid
	faults []string
}

// saw reports whether there was something to read of all those instances.
func (r *logReader) saw(pids ...int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(pids, func(pid int) bool { return r.next[pid] == 0 })
}

// at reports whether those numbers are due now.
func (r *logReader) at(next map[int]int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.faults) > 0 || maps.Equal(r.next, next)
}

// faultless reports what was wrong.
func (r *logReader) faultless(t *testing.T) {
	t.Helper()
	for _, fault := range r.faults[:min(len(r.faults), 5)] {
		t.Errorf("%s: %s", r.name, fault)
	}
}

// line takes a line and says whether to keep the connection.
func (r *logReader) line(m logLine) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Event {
	case "ping":
		return true
	case "gap":
		if !r.lost {
			r.faults = append(r.faults, fmt.Sprintf("missed %d bytes of pid %d", m.Missed, m.PID))
		}
		return true
	}
	_, text, _ := strings.Cut(m.Log, "] line ")
	n, err := strconv.Atoi(strings.TrimSuffix(text, "\n"))
	want := r.next[m.PID]
	if err != nil || n < want || n > want && !r.lost {
		r.faults = append(r.faults, fmt.Sprintf("pid %d: %q, want line %d", m.PID, m.Log, want))
	}
	r.next[m.PID] = n + 1
	r.cursor = m.Cursor
	return rand.IntN(2000) > 0
}

// run reads until ctx ends.
func (r *logReader) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.read(ctx, r.url(r.cursor), r.line)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func readWebsocket(ctx context.Context, address string, line func(logLine) bool) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(address, "http"), nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for {
		_, data, err := conn.Read(ctx)
		var m logLine
		if err != nil || json.Unmarshal(data, &m) != nil || !line(m) {
			return
		}
	}
}

func readEventsource(ctx context.Context, address string, line func(logLine) bool) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return
	}
	for in := newLineReader(resp.Body); ; {
		text, err := in.next()
		if err != nil {
			return
		}
		data, ok := strings.CutPrefix(text, "data: ")
		var m logLine
		if ok && (json.Unmarshal([]byte(data), &m) != nil || !line(m)) {
			return
		}
	}
}

// follow starts readers of an app, which stop returns when they have nothing
// more to read.
func (l *lives) follow(app string, n int, lost bool) (readers []*logReader, stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var wg sync.WaitGroup
	for i := range n {
		read, name := readWebsocket, "websocket"
		if i%2 == 1 {
			read, name = readEventsource, "eventsource"
		}
		r := &logReader{name: fmt.Sprintf("%s %d", name, i), read: read, next: map[int]int{}, lost: lost}
		r.url = func(cursor string) string {
			return "http://" + l.addr + "/apps/" + app + "/logs?stream=true&n=all&cursor=" + url.QueryEscape(cursor)
		}
		readers = append(readers, r)
		l.t.Cleanup(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if l.t.Failed() {
				l.t.Logf("%s, at %s, wants %v; %v", r.name, r.cursor, r.next, r.faults)
			}
		})
		wg.Go(func() { r.run(ctx) })
	}
	return readers, func() {
		cancel()
		wg.Wait()
	}
}

// dump are the numbers that there are of each instance, which have to be in
// order.
func (l *lives) dump(app string) map[int]int {
	l.t.Helper()
	counts := map[int]int{}
	r := &logReader{name: "dump", next: counts}
	readEventsource(l.t.Context(), "http://"+l.addr+"/apps/"+app+"/logs?stream=true&follow=false&n=all", func(m logLine) bool {
		r.line(m)
		return true
	})
	r.faultless(l.t)
	return counts
}

// TestLogsOverRestarts has readers follow several instances while their
// connections are cut and the daemon is restarted three times.
func TestLogsOverRestarts(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("shop:web", child("tick", map[string]string{"BURST": "0"}, properties{"numprocesses": 4, "restart": "always"}))
	readers, stop := l.follow("shop", 4, false)
	for range 3 {
		<-time.After(700 * time.Millisecond)
		l.end(syscall.SIGTERM)
		l.begin()
	}
	<-time.After(500 * time.Millisecond)
	req, _ := http.NewRequest("POST", "http://"+l.addr+"/processes/shop:web/_stop?wait=true", nil)
	if _, err := http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	all := l.dump("shop")
	for _, r := range readers {
		waitFor(t, r.name+" is at the end", func() bool { return r.at(all) })
	}
	stop()
	if len(all) != 16 {
		t.Errorf("%d instances, want 4 of each life: %v", len(all), all)
	}
	for _, r := range readers {
		r.faultless(t)
	}
}

// criRecord is a line as the CRI log format defines it: a time in RFC 3339 with
// nanoseconds, the stream, the tags, the text.
var criRecord = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d) (stdout|stderr) (F|P)(:[^ ]*)? `)

// criLines are the lines of one stream of a log file. A last record without an
// end is a daemon's that was killed in it.
func criLines(t *testing.T, file, stream string) (lines []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	partial := ""
	for in := bufio.NewReader(f); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			if line != "" {
				t.Errorf("%s ends in half a record: %q", file, line)
			}
			return lines
		}
		head := criRecord.FindStringSubmatch(line)
		if head == nil {
			t.Fatalf("%s: no record: %q", file, line)
		}
		if head[3] != stream {
			continue
		}
		partial += strings.TrimSuffix(line[len(head[0]):], "\n")
		if head[4] == "F" {
			lines = append(lines, partial)
			partial = ""
		}
	}
}

// TestLogsOverKill kills the daemon in a flood. What is on disk then is a clean
// prefix, and those who resume get nothing twice.
func TestLogsOverKill(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("shop:web", child("tick", map[string]string{"BURST": "200000"}, properties{"numprocesses": 2, "restart": "always"}))
	readers, stop := l.follow("shop", 2, true)
	waitFor(t, "all is being kept", func() bool {
		templates, _ := os.ReadFile(filepath.Join(l.state, "templates.json"))
		for _, pid := range []string{"1", "2"} {
			info, err := os.Stat(filepath.Join(l.state, "logs", "shop", "shop:web", pid+".log"))
			if err != nil || info.Size() < 64<<10 {
				return false
			}
		}
		return strings.Contains(string(templates), `"shop:web"`)
	})
	l.end(syscall.SIGKILL)
	l.begin()
	l.create("shop:more", child("tick", map[string]string{"BURST": "0"}, nil))
	for _, r := range readers {
		waitFor(t, r.name+" has read of the new instances", func() bool { return r.saw(3, 4, 5) })
	}
	stop()
	next := map[string]int{}
	for _, pid := range []string{"1", "2"} {
		for i := 0; ; i++ {
			file := filepath.Join(l.state, "logs", "shop", "shop:web", fmt.Sprintf("%s.%d.log", pid, i+1))
			if _, err := os.Stat(file); err != nil {
				file = filepath.Join(l.state, "logs", "shop", "shop:web", pid+".log")
				i = -2
			}
			for _, line := range criLines(t, file, "stdout") {
				if want := fmt.Sprint("line ", next[pid]); line != want {
					t.Fatalf("%s: %q, want %q", file, line, want)
				}
				next[pid]++
			}
			if i < 0 {
				break
			}
		}
		if next[pid] == 0 {
			t.Errorf("nothing of pid %s is on disk", pid)
		}
	}
	for _, r := range readers {
		r.faultless(t)
	}
}
