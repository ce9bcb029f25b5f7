package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

func logs(t *testing.T, c *client.Client, o client.LogOptions) (all []client.LogLine) {
	t.Helper()
	for line, err := range c.Logs(t.Context(), "web", o) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

func TestLogsOfNow(t *testing.T) {
	d := &logDaemon{}
	d.add(logged{instance: "web-1", stream: "stdout", text: "one"},
		logged{instance: "worker-2", stream: "stderr", text: " [two] "},
		logged{instance: "web-1", stream: "stdout", text: "half", partial: true},
		logged{instance: "web-2", stream: "stdout", text: ""},
		logged{instance: "web-2", stream: "stderr", missed: 99},
		logged{instance: "web-1", stream: "stdout", text: " a line"})
	c := connect(t, serve(t, d))
	want := []client.LogLine{
		{Time: logTime, Instance: "web-1", PID: 7, Stream: "stdout", Text: "one", Cursor: "1"},
		{Time: logTime, Instance: "worker-2", PID: 7, Stream: "stderr", Text: " [two] ", Cursor: "2"},
		{Time: logTime, Instance: "web-1", PID: 7, Stream: "stdout", Text: "half", Cursor: "3", Partial: true},
		{Time: logTime, Instance: "web-2", PID: 7, Stream: "stdout", Cursor: "4"},
		{Instance: "web-2", Stream: "stderr", Missed: 99},
		{Time: logTime, Instance: "web-1", PID: 7, Stream: "stdout", Text: " a line", Cursor: "6", Continuation: true},
	}
	got := logs(t, c, client.LogOptions{})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(client.LogLine{}, "JSON")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(got) > 0 && string(got[0].JSON) != d.lines[0].message(1) {
		t.Errorf("JSON is %s, want it as it was sent", got[0].JSON)
	}
	if got := logs(t, c, client.LogOptions{N: 2}); len(got) != 2 || got[1].Text != " a line" {
		t.Errorf("with N 2: %v", got)
	}
	if got := logs(t, c, client.LogOptions{Cursor: "4"}); len(got) != 2 || got[0].Missed != 99 {
		t.Errorf("behind cursor 4: %v", got)
	}
	if got := logs(t, c, client.LogOptions{N: client.None}); len(got) != 0 {
		t.Errorf("with N None: %v", got)
	}
}

func TestLogsQuery(t *testing.T) {
	d := &logDaemon{}
	c := connect(t, serve(t, d))
	logs(t, c, client.LogOptions{
		N: 5, Filter: []string{"web", "worker-2"}, Stream: "stderr", Grep: "a|b",
		Since: logTime, Until: logTime.In(time.FixedZone("", 3600)).Add(time.Second),
	})
	want := "fd=stderr&filter=web%7Cworker-2&follow=false&grep=a%7Cb&n=5&since=2015-02-16T02%3A02%3A43.930163178Z&stream=true&until=2015-02-16T02%3A02%3A44.930163178Z"
	if got := d.asked(); len(got) != 1 || got[0] != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// Lines come while connections are cut. Each is seen once and in order.
func TestLogsGoOnWhereTheyWereCut(t *testing.T) {
	const count = 1000
	d := &logDaemon{}
	proxy := badlink.NewCutter(t, serve(t, d), 10_000)
	c := connect(t, proxy.Address)
	ctx, written := context.WithCancel(t.Context())
	go func() {
		defer written()
		for i := range count {
			d.add(logged{instance: "web-1", stream: "stdout", text: strconv.Itoa(i)})
		}
	}()
	defer func() { <-ctx.Done() }()
	next := 0
	for next < count { // the first connection is not made again by itself
		for line, err := range c.Logs(t.Context(), "web", client.LogOptions{Follow: true}) {
			if errors.Is(err, client.ErrUnreachable) && next == 0 {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if line.Text != strconv.Itoa(next) {
				t.Fatalf("line %q, want %d", line.Text, next)
			}
			if next++; next == count {
				break
			}
		}
	}
	if proxy.Cuts.Load() < 5 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
}

// A history that is cut goes on too, and nothing is new in it.
func TestLogsOfNowGoOnWhereTheyWereCut(t *testing.T) {
	d := &logDaemon{}
	for i := range 1000 {
		d.add(logged{instance: "web-1", stream: "stdout", text: strconv.Itoa(i)})
	}
	proxy := badlink.NewCutter(t, serve(t, d), 50_000)
	c := connect(t, proxy.Address)
	next := 200
	for next == 200 {
		for line, err := range c.Logs(t.Context(), "web", client.LogOptions{N: 800}) {
			if errors.Is(err, client.ErrUnreachable) && next == 200 {
				break
			}
			if err != nil || line.Text != strconv.Itoa(next) {
				t.Fatalf("line %q and %v, want %d", line.Text, err, next)
			}
			next++
		}
	}
	if next != 1000 {
		t.Errorf("the log ended before line %d", next)
	}
}

// What comes between two connections is not lost, even if the first one saw
// nothing.
func TestLogsFromNowOn(t *testing.T) {
	d := &logDaemon{old: 1}
	d.add(logged{instance: "web-1", stream: "stdout", text: "old"})
	s := httptest.NewServer(d)
	defer s.Close()
	connections := 0
	o := client.LogOptions{N: client.None, Follow: true, Ready: func() {
		if connections++; connections == 1 {
			s.CloseClientConnections()
			d.add(logged{instance: "web-1", stream: "stdout", text: "new"})
		}
	}}
	for line, err := range connect(t, s.URL).Logs(t.Context(), "web", o) {
		if err != nil || line.Text != "new" {
			t.Errorf("got %q and %v, want new", line.Text, err)
		}
		break
	}
	if connections != 2 {
		t.Errorf("%d connections, want 2", connections)
	}
}

// A feed that is to end at a time is over when it ends then, by the daemon's clock.
// One that ends before, as with a daemon that stops, is connected again.
func TestLogsThatEndAtATime(t *testing.T) {
	until := logTime.Truncate(time.Second)
	tests := []struct {
		name  string
		dates []time.Time // of the answers; zero: it does not say
	}{
		{"at once", []time.Time{until.Add(time.Hour)}},
		{"within the second", []time.Time{until.Add(-time.Second)}},
		{"no clock", []time.Time{{}}},
		{"after two restarts", []time.Time{until.Add(-time.Hour), until.Add(-time.Minute), until}},
	}
	for _, tt := range tests {
		answers := 0
		c := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if answers == len(tt.dates) {
				panic(http.ErrAbortHandler)
			}
			w.Header()["Date"] = nil
			if date := tt.dates[answers]; !date.IsZero() {
				w.Header().Set("Date", date.Format(http.TimeFormat))
			}
			answers++
			fmt.Fprintf(w, "id: %d\r\ndata: %s\r\n\r\n", answers, logged{instance: "web-1", text: "line"}.message(answers))
		})), client.WithPatience(time.Second))
		if got := logs(t, c, client.LogOptions{Follow: true, Until: until}); len(got) != len(tt.dates) {
			t.Errorf("%s: %d lines of %d answers", tt.name, len(got), len(tt.dates))
		}
	}
}

func TestLogsErrors(t *testing.T) {
	d := &logDaemon{}
	c := connect(t, serve(t, d))
	for _, err := range c.Logs(t.Context(), "nosuch", client.LogOptions{}) {
		if client.Code(err) != "not_found" {
			t.Errorf("an app that is not there: %v", err)
		}
	}
	for _, err := range connect(t, "http://127.0.0.1:1").Logs(t.Context(), "web", client.LogOptions{Follow: true}) {
		if !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("a daemon that is not there: %v", err)
		}
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	d.add(logged{instance: "web-1", stream: "stdout", text: "x"})
	var last error
	for _, err := range c.Logs(ctx, "web", client.LogOptions{Follow: true}) {
		cancel(why)
		last = err
	}
	if last != why {
		t.Errorf("got %v, want the cause of the context", last)
	}
	for _, data := range []string{`{"event": "log", "log": "no head"}`, `{"event": "log"`} {
		odd := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "id: 1\r\ndata: %s\r\n\r\n", data)
		}))
		seen := 0
		for _, err := range connect(t, odd).Logs(t.Context(), "web", client.LogOptions{}) {
			if seen++; err == nil {
				t.Errorf("%s is taken for a line", data)
			}
		}
		if seen != 1 {
			t.Errorf("%s: %d turns of the loop, want one with an error", data, seen)
		}
	}
}
