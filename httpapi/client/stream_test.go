package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

// collect reads a stream to its end and checks that offsets and bytes agree.
func collect(t *testing.T, c *client.Client, o client.StreamOptions) (got []byte, missed int64) {
	t.Helper()
	next := int64(-1)
	for chunk, err := range c.Stream(t.Context(), 1, "stdout", o) {
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		if next >= 0 && chunk.Offset != next+chunk.Missed {
			t.Fatalf("chunk at %d with %d missed follows %d", chunk.Offset, chunk.Missed, next)
		}
		got = append(got, chunk.Data...)
		missed += chunk.Missed
		next = chunk.Offset + int64(len(chunk.Data))
	}
	return got, missed
}

func TestStreamGoesOnWhereItWasCut(t *testing.T) {
	want := make([]byte, 1<<20)
	rand.Read(want)
	d := &daemon{}
	proxy := badlink.NewCutter(t, serve(t, d), 60_000)
	c := connect(t, proxy.Address)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 5000)
			d.change(func() { d.output = append(d.output, rest[:n]...) })
			rest = rest[n:]
		}
		d.change(func() { d.ended = true })
	}()
	var got []byte
	for len(got) == 0 { // the first connection is not made again by itself
		for chunk, err := range c.Stream(t.Context(), 1, "stdout", client.StreamOptions{}) {
			if errors.Is(err, client.ErrUnreachable) && len(got) == 0 {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if chunk.Offset != int64(len(got)) || chunk.Missed != 0 {
				t.Fatalf("chunk at %d with %d missed, want it at %d", chunk.Offset, chunk.Missed, len(got))
			}
			got = append(got, chunk.Data...)
		}
	}
	<-done
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes that are not the %d written", len(got), len(want))
	}
	if proxy.Cuts.Load() < 5 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
}

func TestStreamEntersWhereAsked(t *testing.T) {
	d := &daemon{output: []byte("one\ntwo\n"), ended: true}
	address := serve(t, d)
	tests := []struct {
		since int64
		want  string
	}{
		{0, "one\ntwo\n"},
		{4, "two\n"},
		{8, ""},
		{100, ""}, // beyond the end is the end
		{client.Latest, ""},
	}
	for _, tt := range tests {
		got, missed := collect(t, connect(t, address), client.StreamOptions{Since: tt.since})
		if string(got) != tt.want || missed != 0 {
			t.Errorf("since %d: got %q and %d missed, want %q", tt.since, got, missed, tt.want)
		}
	}
}

func TestStreamTellsWhatItMissed(t *testing.T) {
	d := &daemon{output: []byte("0123456789"), kept: 4}
	c := connect(t, serve(t, d))
	var got []string
	var missed []int64
	for chunk, err := range c.Stream(t.Context(), 1, "stdout", client.StreamOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if chunk.Missed > 0 {
			missed = append(missed, chunk.Missed)
			continue
		}
		got = append(got, string(chunk.Data))
		switch len(got) {
		case 1: // fall behind what is kept: the daemon breaks the connection off
			d.change(func() { d.output, d.kept = append(d.output, "abcdef"...), 13 })
		case 2:
			d.change(func() { d.ended = true })
		}
	}
	if strings.Join(got, "|") != "456789|def" || len(missed) != 2 || missed[0] != 4 || missed[1] != 3 {
		t.Errorf("got %q and missed %v, want 456789|def with 4 and 3 missed", got, missed)
	}
}

func TestStreamErrorsAtOnce(t *testing.T) {
	c := connect(t, serve(t, &daemon{}))
	for _, err := range c.Stream(t.Context(), 2, "stdout", client.StreamOptions{}) {
		if client.Code(err) != "not_found" {
			t.Errorf("a stream that is not there: got %v, want not_found", err)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, err := range connect(t, gone.URL).Stream(t.Context(), 1, "stdout", client.StreamOptions{}) {
		if !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("a daemon that is not there: got %v, want ErrUnreachable", err)
		}
	}
}

func TestStreamLosesPatience(t *testing.T) {
	d := &daemon{output: []byte("x")}
	s := httptest.NewServer(d)
	defer s.Close()
	retries := 0
	c := connect(t, s.URL, client.WithPatience(100*time.Millisecond), client.WithRetryHook(func(error, time.Duration) { retries++ }))
	var last error
	for _, err := range c.Stream(t.Context(), 1, "stdout", client.StreamOptions{}) {
		last = err
		if err == nil {
			s.Listener.Close()
			s.CloseClientConnections()
		}
	}
	if !errors.Is(last, client.ErrUnreachable) || retries < 2 {
		t.Errorf("got %v after %d retries, want ErrUnreachable after some", last, retries)
	}
}

func TestStreamNoticesAnotherDaemon(t *testing.T) {
	var present atomic.Pointer[daemon]
	present.Store(&daemon{output: []byte("a long life")})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { present.Load().ServeHTTP(w, r) }))
	defer s.Close()
	var last error
	for _, err := range connect(t, s.URL).Stream(t.Context(), 1, "stdout", client.StreamOptions{}) {
		last = err
		if err == nil {
			present.Store(&daemon{output: []byte("new")})
			s.CloseClientConnections()
		}
	}
	if !errors.Is(last, client.ErrReplaced) {
		t.Errorf("got %v, want ErrReplaced", last)
	}
}

func TestStreamEndsWithItsContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c := connect(t, serve(t, &daemon{output: []byte("x")}))
	var last error
	for _, err := range c.Stream(ctx, 1, "stdout", client.StreamOptions{}) {
		cancel(why)
		last = err
	}
	if last != why {
		t.Errorf("got %v, want the cause of the context", last)
	}
}
