package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// logReader follows the logs of an app over cut connections and ends of the
// daemon, and checks that every instance's numbers come once and in order.
type logReader struct {
	name   string
	follow func(ctx context.Context, r *logReader) // until ctx or a connection ends
	hold   <-chan struct{}                         // read nothing before it is closed; nil: do not wait
	cursor string                                  // behind what was read; the reading goroutine's

	mu          sync.Mutex     // guards everything below
	next        map[int]int    // the number that is due, by pid
	begun       map[int]string // lines that have no end yet, by pid
	connections int
	faults      []string
}

// run reads until ctx ends.
func (r *logReader) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.follow(ctx, r)
		r.mu.Lock()
		r.connections++
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// await comes to a halt where there is a connection and nothing was read of it.
func (r *logReader) await(ctx context.Context) {
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-ctx.Done():
		}
	}
}

// saw reports whether there was something to read of all those instances.
func (r *logReader) saw(pids ...int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(pids, func(pid int) bool { return r.next[pid] == 0 })
}

// at reports whether those numbers are due now, or never will be.
func (r *logReader) at(next map[int]int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.faults) > 0 || maps.Equal(r.next, next)
}

// faultless reports what was wrong.
func (r *logReader) faultless(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fault := range r.faults[:min(len(r.faults), 5)] {
		t.Errorf("%s: %s", r.name, fault)
	}
}

func (r *logReader) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// logMessage is what a reader looks at.
type logMessage struct {
	Event, Log, Cursor string
	PID, Missed        int
	Partial            bool
}

// message takes a message as the API sends it.
func (r *logReader) message(data []byte) {
	var m logMessage
	if err := json.Unmarshal(data, &m); err != nil {
		r.fault("%q: %v", data, err)
		return
	}
	if m.Cursor != "" {
		r.cursor = m.Cursor
	}
	switch {
	case m.Event == "ping":
	case m.Event == "gap":
		r.fault("missed %d bytes of pid %d", m.Missed, m.PID)
	default:
		_, text, _ := strings.Cut(m.Log, "] ")
		r.line(m.PID, strings.TrimSuffix(text, "\n"), m.Partial)
	}
}

// line takes what there is of a line. What begun and is not partial is its end.
func (r *logReader) line(pid int, text string, partial bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text = r.begun[pid] + text
	delete(r.begun, pid)
	if partial {
		r.begun[pid] = text
		return
	}
	n, of, err := tickOf(text)
	want := r.next[of]
	if err != nil || pid > 0 && of != pid || n != want {
		r.faults = append(r.faults, fmt.Sprintf("pid %d: %q, want line %d", pid, text, want))
		return
	}
	r.next[of] = n + 1
}

// tickOf takes a line of tick apart.
func tickOf(text string) (n, pid int, err error) {
	text, _ = strings.CutPrefix(text, "line ")
	number, of, _ := strings.Cut(text, " of ")
	if n, err = strconv.Atoi(number); err == nil {
		pid, err = strconv.Atoi(of)
	}
	return n, pid, err
}

// fromHere is where a reader of an app's logs goes on.
func (r *logReader) fromHere(addr, app string) string {
	return "http://" + addr + "/apps/" + app + "/logs?stream=true&n=all&cursor=" + url.QueryEscape(r.cursor)
}

// byWebsocket and byEventsource resume by the cursor of the last message.
func byWebsocket(addr func() string, app string) func(context.Context, *logReader) {
	return func(ctx context.Context, r *logReader) {
		conn, _, err := websocket.Dial(ctx, r.fromHere(addr(), app), nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		r.await(ctx)
		for {
			_, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if !json.Valid(data) {
				// A connection that ends behind a frame's header is the end of the message to
				// the library: then nothing can follow.
				if _, _, err := conn.Read(ctx); err != nil {
					return
				}
			}
			r.message(data)
		}
	}
}

func byEventsource(addr func() string, app string) func(context.Context, *logReader) {
	return func(ctx context.Context, r *logReader) { r.readEvents(ctx, r.fromHere(addr(), app)) }
}

func (r *logReader) readEvents(ctx context.Context, address string) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		r.fault("%v", err)
		return
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		r.fault("the answer is %s", resp.Status)
		return
	}
	r.await(ctx)
	data := ""
	for in := newLineReader(resp.Body); ; {
		text, err := in.next()
		switch field, ok := strings.CutPrefix(text, "data: "); {
		case err != nil:
			return
		case ok:
			data = field
		case text == "" && data != "": // an event that was cut off is none
			r.message([]byte(data))
			data = ""
		}
	}
}

// byGafferctl resumes by itself. It is begun anew only if it had nothing to
// resume yet.
func byGafferctl(addr func() string, app string, asJSON bool) func(context.Context, *logReader) {
	return func(ctx context.Context, r *logReader) {
		args := []string{"--connect", "http://" + addr(), "logs", "-f", "-n", "all", app}
		if asJSON {
			args = append([]string{"-o", "json"}, args...)
		}
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "gafferctl"), args...)
		var told strings.Builder
		cmd.Stderr = &told
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			r.fault("%v", err)
			return
		}
		some := false
		for lines := bufio.NewScanner(out); lines.Scan(); some = true {
			if asJSON {
				r.message(lines.Bytes())
				continue
			}
			_, text, _ := strings.Cut(lines.Text(), "] ")
			r.line(0, text, false)
		}
		_, _ = io.Copy(io.Discard, out)
		err = cmd.Wait()
		r.mu.Lock()
		r.connections += strings.Count(told.String(), "connected again")
		r.mu.Unlock()
		if ctx.Err() == nil && some {
			r.fault("gafferctl ended: %v: %s", err, told.String())
		}
		if strings.Contains(told.String(), "no longer kept") {
			r.fault("gafferctl says: %s", told.String())
		}
	}
}

// follow starts readers. stop returns when they have stopped.
func follow(t *testing.T, readers ...*logReader) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for _, r := range readers {
		r.next, r.begun = map[int]int{}, map[int]string{}
		t.Cleanup(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if t.Failed() {
				t.Logf("%s, at %s, wants %v; has begun %v", r.name, r.cursor, r.next, r.begun)
			}
		})
		reading.Go(func() { r.run(ctx) })
	}
	stop = func() {
		cancel()
		reading.Wait()
	}
	t.Cleanup(stop) // before they are looked at
	return stop
}
