package client_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

func TestInputWritesEveryByteOnce(t *testing.T) {
	want := make([]byte, 300_000)
	rand.Read(want)
	d := &daemon{}
	proxy := badlink.NewCutter(t, serve(t, d), 60_000)
	c := connect(t, proxy.Address)
	var in *client.Input
	for err := error(client.ErrUnreachable); errors.Is(err, client.ErrUnreachable); {
		in, err = c.Input(t.Context(), 1, "stdin")
	}
	n, err := io.Copy(in, bytes.NewReader(want))
	if err != nil || n != int64(len(want)) || in.Offset() != n {
		t.Fatalf("wrote %d bytes to offset %d: %v", n, in.Offset(), err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.stdin, want) {
		t.Errorf("the process got %d bytes that are not the %d written", len(d.stdin), len(want))
	}
	if proxy.Cuts.Load() == 0 {
		t.Error("no cut: this test has shown nothing")
	}
}

func TestInputFromTheMiddle(t *testing.T) {
	d := &daemon{stdin: []byte("before ")}
	in, err := connect(t, serve(t, d)).Input(t.Context(), 1, "stdin")
	if err != nil || in.Offset() != 7 {
		t.Fatalf("offset %d: %v", in.Offset(), err)
	}
	if n, err := in.Write([]byte("after")); n != 5 || err != nil {
		t.Fatalf("wrote %d: %v", n, err)
	}
	if err := in.Close(); err != nil || string(d.stdin) != "before after" || !d.closed {
		t.Errorf("close: %v, stdin %q", err, d.stdin)
	}
	if _, err := in.Write([]byte("late")); client.Code(err) != "conflict" {
		t.Errorf("a write to a closed stdin: %v, want conflict", err)
	}
}

func TestInputNoticesOthers(t *testing.T) {
	d := &daemon{}
	c := connect(t, serve(t, d))
	in, err := c.Input(t.Context(), 1, "stdin")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.WriteInput(t.Context(), 1, "stdin", strings.NewReader("other"), false); n != 5 || err != nil {
		t.Fatalf("wrote %d: %v", n, err)
	}
	if _, err := in.Write([]byte("mine")); !errors.Is(err, client.ErrShared) {
		t.Errorf("got %v, want ErrShared", err)
	}
}

func TestWriteInput(t *testing.T) {
	d := &daemon{}
	c := connect(t, serve(t, d))
	if n, err := c.WriteInput(t.Context(), 1, "stdin", strings.NewReader("all"), true); n != 3 || err != nil || !d.closed {
		t.Errorf("wrote %d, closed %v: %v", n, d.closed, err)
	}
	if _, err := c.WriteInput(t.Context(), 1, "stdin", strings.NewReader("late"), true); client.Code(err) != "conflict" {
		t.Errorf("got %v, want conflict", err)
	}
}

// After a restart of the daemon another process has the number of the one that was
// written to. It is not given the rest.
func TestInputIsNotForAnotherProcess(t *testing.T) {
	first, second := &daemon{}, &daemon{stdin: []byte("new")}
	var restarted atomic.Bool
	in, err := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case restarted.Load():
			second.ServeHTTP(w, r)
		case r.FormValue("at") == "6":
			restarted.Store(true)
			panic(http.ErrAbortHandler)
		default:
			first.ServeHTTP(w, r)
		}
	}))).Input(t.Context(), 1, "stdin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "BEGIN;"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(in, "COMMIT;"); n != 0 || !errors.Is(err, client.ErrReplaced) {
		t.Errorf("wrote %d bytes: %v, want ErrReplaced", n, err)
	}
	if in.Offset() != 6 || string(second.stdin) != "new" {
		t.Errorf("offset %d, and the other process was written to: %q", in.Offset(), second.stdin)
	}
}
