package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/gafferd/gaffer/httpapi/client"
)

// daemon is a small gafferd for tests: one stream, one stdin and one list of
// events, served as the API says, with what is kept under the test's control.
type daemon struct {
	mu     sync.Mutex // guards everything below
	grown  chan struct{}
	output []byte // all that was ever written
	kept   int    // offset of the first byte that is still kept
	ended  bool
	events []string // data of the event whose seq is its index + 1
	oldest int      // events up to this one are no longer kept
	stdin  []byte
	closed bool // stdin

	changing sync.Mutex // one write to stdin at a time
}

// change runs f on d's state and wakes all who wait for a change.
func (d *daemon) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	if d.grown != nil {
		close(d.grown)
	}
	d.grown = make(chan struct{})
}

// wait returns when d's state has changed after look was true.
func (d *daemon) wait(ctx context.Context, look func() bool) bool {
	for {
		d.mu.Lock()
		if d.grown == nil {
			d.grown = make(chan struct{})
		}
		ready, grown := look(), d.grown
		d.mu.Unlock()
		if ready {
			return true
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return false
		}
	}
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /streams/1/stdout":
		d.serveOutput(w, r)
	case "POST /streams/1/stdin":
		d.serveInput(w, r)
	case "GET /watch", "GET /watch/exit", "GET /watch/proc/web":
		d.serveEvents(w, r)
	default:
		refuse(w, http.StatusNotFound, "not_found", "there is no "+r.URL.Path)
	}
}

func refuse(w http.ResponseWriter, status int, code, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code, "reason": reason})
}

func (d *daemon) serveOutput(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	next := len(d.output)
	if since := r.FormValue("since"); since != "" {
		next, _ = strconv.Atoi(since)
	}
	next = min(next, len(d.output))
	if missed := d.kept - next; missed > 0 {
		w.Header().Set("Gaffer-Missed", strconv.Itoa(missed))
		next = d.kept
	}
	d.mu.Unlock()
	w.Header().Set("Gaffer-Offset", strconv.Itoa(next))
	w.WriteHeader(http.StatusOK)
	http.NewResponseController(w).Flush()
	for {
		var data []byte
		var lost, ended bool
		if !d.wait(r.Context(), func() bool {
			lost, ended = next < d.kept, d.ended
			data = d.output[next:]
			return lost || len(data) > 0 || ended
		}) {
			return
		}
		if lost {
			panic(http.ErrAbortHandler) // broken off without the final chunk
		}
		if len(data) == 0 && ended {
			return
		}
		n, err := w.Write(data[:min(len(data), 10_000)])
		next += n
		if err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

func (d *daemon) serveInput(w http.ResponseWriter, r *http.Request) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if d.closed {
		refuse(w, http.StatusConflict, "conflict", "stdin is closed")
		return
	}
	skip := 0
	if at := r.FormValue("at"); at != "" {
		n, _ := strconv.Atoi(at)
		skip = len(d.stdin) - n
	}
	buffer, written := make([]byte, 512), 0
	for {
		n, err := r.Body.Read(buffer)
		fresh := buffer[min(skip, n):n]
		skip -= n - len(fresh)
		d.change(func() { d.stdin = append(d.stdin, fresh...) })
		written += len(fresh)
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
	}
	if r.FormValue("eof") == "true" {
		d.change(func() { d.closed = true })
	}
	w.Header().Set("Gaffer-Written", strconv.Itoa(written))
	w.Header().Set("Gaffer-Offset", strconv.Itoa(len(d.stdin)))
	io.WriteString(w, `{"ok": true}`)
}

func (d *daemon) serveEvents(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	last := len(d.events)
	if since := r.FormValue("since"); since != "" {
		last, _ = strconv.Atoi(since)
		if last > len(d.events) {
			last = 0 // from another life of the daemon
		}
	}
	missed := d.oldest - last
	last = max(last, d.oldest)
	d.mu.Unlock()
	w.Header().Set("Gaffer-Seq", strconv.Itoa(last))
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, ":\r\n\r\n")
	if missed > 0 {
		fmt.Fprintf(w, "event: gap\r\ndata: {\"missed\": %d}\r\n\r\n", missed)
	}
	http.NewResponseController(w).Flush()
	for {
		var data string
		if !d.wait(r.Context(), func() bool {
			if last < len(d.events) {
				data = d.events[last]
				return true
			}
			return false
		}) {
			return
		}
		last++
		fmt.Fprintf(w, "event: exit\r\nid: %d\r\ndata: %s\r\n\r\n", last, data)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// serve runs handler on a real socket until the test ends.
func serve(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

func connect(t *testing.T, address string, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}
