package webhooks

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

type (
	httpRequest  = http.Request
	httpResponse = http.Response
)

// transport is a function as a RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answered(r *http.Request, status int, name, value string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{name: {value}}, Body: http.NoBody, Request: r}
}

// soon makes attempts follow each other quickly.
func soon(t *timing) { t.first, t.most = time.Millisecond, 20*time.Millisecond }

// TestDelivery looks at what a receiver gets.
func TestDelivery(t *testing.T) {
	rv := newReceiver(nil)
	server := httptest.NewServer(rv)
	defer server.Close()
	_, m := started(t, Options{Hooks: []Hook{{Event: "proc.my.web.create", URL: server.URL + "/hook?x=1", Secret: "s3cret"}}}, nil)
	happen(t, m, 2, "my.web", "other")
	got := rv.wait(t, 1)[0]
	if !strings.HasPrefix(got.body, `{"event":"proc.my.web.create","name":"my.web","seq":2,"time":"`) {
		t.Errorf("the body is %s", got.body)
	}
	h := got.header
	if h.Get("Gaffer-Event") != "proc.my.web.create" || !strings.HasSuffix(h.Get("Gaffer-Id"), "-2") || h.Get("Content-Type") != "application/json" {
		t.Errorf("the head is %v", h)
	}
	if h.Get("Gaffer-Signature") != Signature("s3cret", []byte(got.body)) {
		t.Errorf("the signature is %s", h.Get("Gaffer-Signature"))
	}
	shutdown(t, m)
	if n := len(rv.received()); n != 1 {
		t.Errorf("%d deliveries, want the one that was asked for", n)
	}
}

// TestFlakyReceiver is a real one, which refuses, breaks off, and goes away.
func TestFlakyReceiver(t *testing.T) {
	var calls atomic.Int64
	rv := newReceiver(func(delivery) int {
		switch calls.Add(1) % 5 {
		case 0:
			return 500
		case 2:
			return 0
		}
		return 200
	})
	server := httptest.NewServer(rv)
	defer server.Close()
	w, m := started(t, Options{Hooks: []Hook{{Event: "proc", URL: server.URL}}}, soon)
	happen(t, m, 100, tenNames...)
	got := rv.wait(t, 1000)
	checkOrder(t, got)
	if s := only(t, w); s.Failed == 0 || s.Dropped != 0 {
		t.Errorf("the status is %+v", s)
	}
}

// TestOutlivesDaemon stops and crashes between an event and its delivery.
func TestOutlivesDaemon(t *testing.T) {
	dir := t.TempDir()
	down := newReceiver(func(delivery) int { return 502 })
	server := httptest.NewServer(down)
	defer server.Close()
	hook := Hook{Event: "proc", URL: server.URL, Secret: "s"}

	w, m := started(t, Options{Folder: folder(t, dir)}, nil)
	id, err := w.Add(hook)
	if err != nil {
		t.Fatal(err)
	}
	happen(t, m, 30, "a", "b")
	shutdown(t, m)

	// As a crash leaves it: the last line is torn.
	journal := id + journalSuffix
	f, err := os.OpenFile(dir+"/"+journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"add":{"id":"1`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	down.mu.Lock()
	down.answer = nil
	down.mu.Unlock()
	w, m = started(t, Options{Folder: folder(t, dir)}, nil)
	if s := only(t, w); s.ID != id || s.Source != "api" || !s.Signed {
		t.Errorf("it comes back as %+v", s)
	}
	got := down.wait(t, 62) // with the two that stop
	checkOrder(t, got)
	for _, d := range got {
		if d.header.Get("Gaffer-Signature") != Signature("s", []byte(d.body)) {
			t.Fatal("a delivery of an earlier life is not signed")
		}
	}
	happen(t, m, 1, "c")
	down.wait(t, 63)
	if err := w.Remove(id); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("what is left of a hook that was removed: %v", entries)
	}
	shutdown(t, m)
	w, _ = started(t, Options{Folder: folder(t, dir)}, nil)
	if n := len(w.List()); n != 0 {
		t.Errorf("%d hooks are back that were removed", n)
	}
}

func TestLostWithoutFolder(t *testing.T) {
	w := New(Options{Hooks: []Hook{{Event: "proc", URL: "http://127.0.0.1:1/"}}})
	m := manager.New(manager.Options{})
	if err := w.Start(m); err != nil {
		t.Fatal(err)
	}
	happen(t, m, 3, "web")
	shutdown(t, m)
	if err := w.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "4 events were not delivered and are lost") {
		t.Errorf("Stop: %v", err)
	}
}

// TestRedirects follows one within the server, with the request as it was, and
// none elsewhere.
func TestRedirects(t *testing.T) {
	rv := newReceiver(nil)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed to another host") }))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	mux.Handle("/end", rv)
	mux.Handle("/near", http.RedirectHandler("/end", http.StatusTemporaryRedirect))
	mux.Handle("/moved", http.RedirectHandler("/end", http.StatusMovedPermanently))
	mux.Handle("/far", http.RedirectHandler(elsewhere.URL+"/x?secret=1", http.StatusTemporaryRedirect))
	mux.Handle("/circle", http.RedirectHandler("/circle", http.StatusTemporaryRedirect))
	server := httptest.NewServer(mux)
	defer server.Close()
	var hooks []Hook
	for _, path := range []string{"/near", "/moved", "/far", "/circle"} {
		hooks = append(hooks, Hook{Event: "proc", URL: server.URL + path})
	}
	w, m := started(t, Options{Hooks: hooks}, func(t *timing) { t.first, t.most = time.Hour, time.Hour })
	happen(t, m, 1, "web")
	if got := rv.wait(t, 1); !strings.HasPrefix(got[0].body, `{"event":"proc.web.create"`) {
		t.Errorf("behind a redirect came %q", got[0].body)
	}
	shutdown(t, m)
	for i, s := range w.List()[1:] {
		to := server.URL
		if i == 1 {
			to = elsewhere.URL
		}
		if len(s.Failures) == 0 || s.Failures[0].Error != "it redirects to "+to+", which is not followed: make that the URL" {
			t.Errorf("%s: %+v", hooks[i+1].URL, s.Failures)
		}
	}
}

func TestNoSecretsAreShown(t *testing.T) {
	log := &logged{}
	for url, want := range map[string]string{
		"http://user:pass@127.0.0.1:1/path?token=s3cret&b": "http://hidden@127.0.0.1:1/path?b=hidden&token=hidden",
		"http://127.0.0.1:1/?%zz=s3cret":                   "http://127.0.0.1:1/?hidden",
	} {
		w, m := started(t, Options{Hooks: []Hook{{Event: ".", URL: url, Secret: "s3cret"}}}, soon)
		happen(t, m, 1, "web")
		shutdown(t, m)
		s := only(t, w)
		if s.URL != want || len(s.Failures) == 0 {
			t.Errorf("%s is shown as %s, with %d failures", url, s.URL, len(s.Failures))
		}
		for _, f := range s.Failures {
			if strings.Contains(f.Error, "s3cret") || strings.Contains(f.Error, "pass") || !strings.Contains(f.Error, "refused") {
				t.Errorf("a failure tells %s", f.Error)
			}
		}
	}
	if text := log.String(); strings.Contains(text, "s3cret") {
		t.Errorf("the log tells %s", text)
	}
}

func TestAddAndRemove(t *testing.T) {
	rv := newReceiver(nil)
	w, m := started(t, Options{Hooks: []Hook{{Event: "create", URL: "http://file/"}}, Transport: rv}, nil)
	for _, c := range []struct {
		hook Hook
		want error
	}{
		{Hook{Event: "creat", URL: "http://a/"}, manager.ErrBadEvent},
		{Hook{Event: "", URL: "http://a/"}, manager.ErrBadEvent},
		{Hook{Event: "exit", URL: ""}, ErrBadURL},
		{Hook{Event: "exit", URL: "ftp://a/"}, ErrBadURL},
		{Hook{Event: "exit", URL: "http:///x"}, ErrBadURL},
		{Hook{Event: "exit", URL: "http://a/#x"}, ErrBadURL},
		{Hook{Event: "exit", URL: "http://a b/"}, ErrBadURL},
		{Hook{Event: "exit", URL: "http://\x7f/"}, ErrBadURL},
		{Hook{Event: "create", URL: "http://file/"}, manager.ErrExists},
	} {
		if _, err := w.Add(c.hook); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.hook, err, c.want)
		}
	}
	fromFile := only(t, w)
	if err := w.Remove(fromFile.ID); fromFile.Source != "file" || !errors.Is(err, ErrInFile) {
		t.Errorf("a hook of the file (%s) is removed: %v", fromFile.Source, err)
	}
	if err := w.Remove("wh-0"); !errors.Is(err, manager.ErrNotFound) {
		t.Errorf("Remove: %v", err)
	}
	for i := len(w.List()); i < maxHooks; i++ {
		if _, err := w.Add(Hook{Event: "exit", URL: "http://a/" + strings.Repeat("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Add(Hook{Event: "exit", URL: "http://b/"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	shutdown(t, m)
	if _, err := w.Add(Hook{Event: "exit", URL: "http://b/"}); !errors.Is(err, manager.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestFollow(t *testing.T) {
	rv := newReceiver(func(delivery) int { return 500 })
	stays, goes, comes := Hook{"create", "http://stays/", "old"}, Hook{"create", "http://goes/", ""}, Hook{"create", "http://comes/", ""}
	w, m := started(t, Options{Hooks: []Hook{stays, goes}, Transport: rv}, nil)
	id, err := w.Add(Hook{Event: "create", URL: "http://api/"})
	if err != nil {
		t.Fatal(err)
	}
	happen(t, m, 1, "web")
	stays.Secret = "new"
	want := Plan{Added: []Planned{planned(comes)}, Changed: []Planned{planned(stays)}, Removed: []Planned{planned(goes)}}
	if got := w.Plan([]Hook{comes, stays, stays}); !reflect.DeepEqual(got, want) || len(w.List()) != 3 {
		t.Errorf("the plan is %+v, want %+v", got, want)
	}
	if got, err := w.Follow([]Hook{comes, stays}); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := w.Plan([]Hook{comes, stays}); !reflect.DeepEqual(got, Plan{}) {
		t.Errorf("what is followed already takes %+v", got)
	}
	var urls []string
	for _, s := range w.List() {
		urls = append(urls, s.URL)
	}
	if want := []string{"http://stays/", "http://api/", "http://comes/"}; !slices.Equal(urls, want) {
		t.Errorf("the hooks are %v, want %v", urls, want)
	}
	if _, err := w.Follow([]Hook{{Event: "nothing", URL: "http://x/"}}); !errors.Is(err, manager.ErrBadEvent) || len(w.List()) != 3 {
		t.Errorf("a wrong one: %v, and then there are %d", err, len(w.List()))
	}
	if _, err := w.Follow(nil); err != nil || only(t, w).ID != id {
		t.Errorf("without any in the file: %v, %+v", err, w.List())
	}
}

func TestNoSecretsArePlanned(t *testing.T) {
	for url, want := range map[string]string{
		"https://user:pass@hooks.example/services/T0/s3cret?key=s3cret": "https://hooks.example/…",
		"http://127.0.0.1:8000/?key=s3cret":                             "http://127.0.0.1:8000/…",
		"http://[::1]:8000":                                             "http://[::1]:8000/",
	} {
		h := Hook{Event: "exit", URL: url, Secret: "s3cret"}
		if got := planned(h); got != (Planned{idOf(h), "exit", want}) {
			t.Errorf("%s is planned as %+v", url, got)
		}
	}
}

// TestHurry ends at once although a receiver is silent.
func TestHurry(t *testing.T) {
	asked := make(chan struct{}, 1)
	silent := transport(func(r *http.Request) (*http.Response, error) {
		asked <- struct{}{}
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	w, m := started(t, Options{Hooks: hookTo("create"), Transport: silent}, func(t *timing) { t.drain = time.Hour })
	happen(t, m, 1, "web")
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if s := only(t, w); s.Pending != 1 || s.Failed != 0 {
		t.Errorf("the status is %+v, want the event there still", s)
	}
}

// TestLostAnswer sends an event again whose answer got lost, under the same id.
func TestLostAnswer(t *testing.T) {
	ids := make(chan string, 10)
	first := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("Gaffer-Id")
		if first {
			first = false
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	_, m := started(t, Options{Hooks: []Hook{{Event: "proc", URL: server.URL}}}, soon)
	happen(t, m, 1, "web")
	if a, b := <-ids, <-ids; a != b {
		t.Errorf("it comes as %s and as %s", a, b)
	}
}
