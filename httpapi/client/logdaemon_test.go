package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// logged is one line of an app as the API says: its cursor is its index + 1.
type logged struct {
	instance, stream, text string
	partial                bool
	missed                 int64 // a loss instead of a line
}

var logTime = time.Date(2015, 2, 16, 2, 2, 43, 930163178, time.UTC)

func (l logged) message(cursor int) string {
	m := map[string]any{
		"name": "log", "event": "log", "timestamp": logTime, "stream": l.stream, "pid": 7,
		"cursor": strconv.Itoa(cursor),
		"log":    fmt.Sprintf("2015-02-16 02:02:43.930163178 +0000 UTC [%s] %s\n", l.instance, l.text),
	}
	if l.partial {
		m["partial"] = true
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// logDaemon serves the log of the app "web".
type logDaemon struct {
	mu       sync.Mutex // guards everything below
	grown    chan struct{}
	lines    []logged
	old      int // so many lines are from before any since
	requests []string
}

func (d *logDaemon) add(lines ...logged) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, lines...)
	if d.grown != nil {
		close(d.grown)
	}
	d.grown = make(chan struct{})
}

func (d *logDaemon) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.requests...)
}

func (d *logDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/apps/web/logs" {
		refuse(w, http.StatusNotFound, "not_found", "there is no app "+strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/apps/"), "/logs"))
		return
	}
	d.mu.Lock()
	d.requests = append(d.requests, r.URL.RawQuery)
	if d.grown == nil {
		d.grown = make(chan struct{})
	}
	next := len(d.lines)
	switch n := r.FormValue("n"); {
	case r.FormValue("cursor") != "":
		next, _ = strconv.Atoi(r.FormValue("cursor"))
	case n == "all" && r.FormValue("since") != "":
		next = d.old
	case n == "all":
		next = 0
	default:
		count, _ := strconv.Atoi(n)
		next = max(0, next-count)
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	fmt.Fprint(w, ":\r\n\r\n")
	flush()
	for {
		d.mu.Lock()
		fresh, grown := d.lines[next:], d.grown
		d.mu.Unlock()
		for _, l := range fresh {
			next++
			if l.missed > 0 {
				fmt.Fprintf(w, "data: {\"event\": \"gap\", \"missed\": %d, \"instance\": %q, \"stream\": %q}\r\n\r\n", l.missed, l.instance, l.stream)
				continue
			}
			fmt.Fprintf(w, "id: %d\r\ndata: %s\r\n\r\n", next, l.message(next))
		}
		if len(fresh) == 0 {
			if r.FormValue("follow") == "false" {
				return
			}
			fmt.Fprint(w, "data: {\"name\": \"ping\", \"event\": \"ping\", \"timestamp\": \"2015-02-16T02:02:43Z\"}\r\n\r\n")
		}
		if flush() != nil {
			return
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-r.Context().Done():
			return
		}
	}
}
