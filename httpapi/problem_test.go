package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/manager"
)

// codes are those of the API's contract.
var codes = []string{
	"invalid_json", "invalid_configuration", "invalid_process_info", "bad_body", "bad_value", "bad_feed", "io_not_redirected", "no_signal_number",
	"unauthorized", "forbidden", "forbidden_write", "cross_origin", "bad_host", "not_found", "io_not_found",
	"resource_not_found", "bad_event_type", "method_not_allowed", "conflict", "body_too_large",
	"unsupported_media_type", "too_many", "internal", "stopping",
}

func TestProblems(t *testing.T) {
	s := New(manager.New(manager.Options{}), Options{Logger: slog.New(slog.DiscardHandler)})
	for _, p := range problems {
		err := fmt.Errorf("pid 7: %w", p.err)
		w := httptest.NewRecorder()
		s.fail(&answer{ResponseWriter: w}, httptest.NewRequest("GET", "/", nil), err)
		a := answered{w.Code, w.Header(), w.Body.String()}
		if w.Code != p.status || a.code(t) != p.code || !slices.Contains(codes, p.code) {
			t.Errorf("%v: %d %s, want %d %s", p.err, w.Code, w.Body, p.status, p.code)
		}
	}
}

func TestUnknownErrorsTellNothing(t *testing.T) {
	var log strings.Builder
	m := manager.New(manager.Options{})
	s := New(m, Options{Access: Access{Everyone: true}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.Handle("GET", "/panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret in panic") }), RouteDoc{})
	for _, c := range []struct {
		name string
		do   func(w http.ResponseWriter, r *http.Request)
	}{
		{"error", func(w http.ResponseWriter, r *http.Request) {
			s.fail(&answer{ResponseWriter: w}, r, errors.New("secret in error"))
		}},
		{"panic", func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/panic"
			s.Handler().ServeHTTP(w, r)
		}},
	} {
		log.Reset()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "localhost"
		c.do(w, r)
		a := answered{w.Code, w.Header(), w.Body.String()}
		if w.Code != 500 || a.code(t) != "internal" || strings.Contains(a.body, "secret") || strings.Contains(a.body, "goroutine") {
			t.Errorf("%s: %d %s", c.name, w.Code, a.body)
		}
		if !strings.Contains(log.String(), "secret in "+c.name) {
			t.Errorf("%s: the log says %q", c.name, log.String())
		}
	}
}

func TestRequestsAreLoggedWithoutTokens(t *testing.T) {
	var log strings.Builder
	m := manager.New(manager.Options{})
	s := New(m, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	r := httptest.NewRequest("GET", "/ping?token=verysecret", nil)
	r.Host = "localhost"
	s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); !strings.Contains(got, "path=/ping status=401") || strings.Contains(got, "verysecret") {
		t.Errorf("logged %q", got)
	}
}
