package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

// attach attaches to a process, however often the connection is cut at first.
func attach(t *testing.T, c *client.Client, pid int, o client.AttachOptions) *client.Attachment {
	t.Helper()
	for {
		a, err := c.Attach(t.Context(), pid, o)
		if err == nil {
			t.Cleanup(func() { a.Close() })
			return a
		}
		if !errors.Is(err, client.ErrUnreachable) {
			t.Fatal(err)
		}
	}
}

// output is all that an Attachment receives, which checks that it lies together.
func output(t *testing.T, a *client.Attachment, until int) (got []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := int64(-1)
	for len(got) < until {
		chunk, err := a.Receive(ctx)
		if err != nil {
			return got, err
		}
		if chunk.Missed > 0 || next >= 0 && chunk.Offset != next {
			t.Fatalf("%d bytes missed, and offset %d, want %d", chunk.Missed, chunk.Offset, next)
		}
		got, next = append(got, chunk.Data...), chunk.Offset+int64(len(chunk.Data))
	}
	return got, nil
}

// expect receives exactly text.
func expect(t *testing.T, a *client.Attachment, text string) {
	t.Helper()
	if got, err := output(t, a, len(text)); err != nil || string(got) != text {
		t.Fatalf("got %.100q, %v, want %.100q", got, err, text)
	}
}

func say(t *testing.T, a *client.Attachment, text string) {
	t.Helper()
	if err := a.Send(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

var cat = client.Process{Name: "cat", Cmd: "cat", Restart: "never", RedirectInput: true, Backpressure: true}

// inputOffset is how much the stdin of a process has taken.
func inputOffset(t *testing.T, c *client.Client, pid int) int64 {
	t.Helper()
	in, err := c.Input(t.Context(), pid, "stdin")
	if err != nil {
		t.Fatal(err)
	}
	return in.Offset()
}

// untilInput waits until stdin has taken so much.
func untilInput(t *testing.T, c *client.Client, pid int, offset int64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); inputOffset(t, c, pid) != offset; {
		if time.Now().After(end) {
			t.Fatalf("stdin is at %d, want %d", inputOffset(t, c, pid), offset)
		}
	}
}

func TestAttachmentGoesOnWhereItWasCut(t *testing.T) {
	address := gafferd(t)
	proxy := badlink.NewCutter(t, address, 200_000)
	pid := create(t, connect(t, address), cat)
	ready := 0
	a := attach(t, connect(t, proxy.Address), pid, client.AttachOptions{Ready: func() { ready++ }})
	data := make([]byte, 2<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	sent := make(chan error, 1)
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(100_000))
			if err := a.Send(t.Context(), rest[:n]); err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- a.CloseInput(t.Context())
	}()
	got, err := output(t, a, len(data)+1)
	if err != io.EOF || !bytes.Equal(got, data) || a.Reason() != "exit 0" {
		t.Fatalf("%d bytes of %d, %v, %q", len(got), len(data), err, a.Reason())
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if proxy.Cuts.Load() < 5 || ready < 5 {
		t.Errorf("%d cuts, %d connections: this test has shown nothing", proxy.Cuts.Load(), ready)
	}
	if _, err := a.Receive(t.Context()); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	if err := a.Send(t.Context(), []byte("late")); err != io.EOF {
		t.Errorf("sent after the end: %v", err)
	}
}

// The process ends while there is no connection.
func TestAttachmentFindsTheEnd(t *testing.T) {
	address := gafferd(t)
	v, direct := badlink.NewValve(t, address), connect(t, address)
	p := shell("bye", "read a; echo $a; read b; echo bye; exit 5")
	p.RedirectInput = true
	pid := create(t, direct, p)
	a := attach(t, connect(t, v.Address), pid, client.AttachOptions{})
	say(t, a, "hello\n")
	expect(t, a, "hello\n")
	v.Hold()
	if _, err := direct.WriteInput(t.Context(), pid, "stdin", strings.NewReader("end\n"), false); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.WaitExit(t.Context(), "bye", pid); err != nil {
		t.Fatal(err)
	}
	v.Cut(false)
	if got, err := output(t, a, 100); string(got) != "bye\n" || err != io.EOF || a.Reason() != "exit 5" {
		t.Errorf("got %q, %v, %q", got, err, a.Reason())
	}
}

// The daemon has not heard of the end of a connection, whose input still waits for
// a process that does not read.
func TestInputOfALostConnectionComesOnce(t *testing.T) {
	address := gafferd(t)
	v, direct := badlink.NewValve(t, address), connect(t, address)
	begin := filepath.Join(t.TempDir(), "begin")
	p := shell("slow", "while [ ! -e "+begin+" ]; do sleep 0.05; done; exec cat")
	p.RedirectInput, p.Backpressure = true, true
	pid := create(t, direct, p)
	ready := make(chan struct{}, 10)
	a := attach(t, connect(t, v.Address), pid, client.AttachOptions{Ready: func() { ready <- struct{}{} }})
	<-ready
	var lines strings.Builder
	for i := 0; lines.Len() < 600_000; i++ {
		fmt.Fprintln(&lines, "line", i)
	}
	sent := make(chan error, 1)
	go func() {
		if err := a.Send(t.Context(), []byte(lines.String())); err != nil {
			sent <- err
			return
		}
		sent <- a.CloseInput(t.Context())
	}()
	received := make(chan string, 1)
	go func() {
		got, err := output(t, a, lines.Len()+1)
		received <- fmt.Sprint(err, " ", string(got))
	}()
	for full := false; !full; { // then whoever wants to write has to wait
		err := direct.Do(t.Context(), http.MethodPost, "/streams/1/stdin", url.Values{"timeout": {"0.05"}}, nil, nil)
		full = client.Code(err) == "conflict"
	}
	v.Cut(true)
	<-ready
	if err := os.WriteFile(begin, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-received; got != "EOF "+lines.String() {
		t.Fatalf("got %d bytes, want %d: %.100q …", len(got)-len("EOF "), lines.Len(), got)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// Where others write too, nobody can tell whose bytes have arrived.
func TestInputThatMayHaveArrived(t *testing.T) {
	address := gafferd(t)
	v, direct := badlink.NewValve(t, address), connect(t, address)
	pid := create(t, direct, cat)
	a := attach(t, connect(t, v.Address), pid, client.AttachOptions{})
	say(t, a, "one\n")
	expect(t, a, "one\n")
	v.Hold()
	say(t, a, "mine\n")
	untilInput(t, direct, pid, int64(len("one\nmine\n")))
	if _, err := direct.WriteInput(t.Context(), pid, "stdin", strings.NewReader("theirs\n"), false); err != nil {
		t.Fatal(err)
	}
	v.Cut(false)
	_, err := output(t, a, 1)
	unsure, ok := errors.AsType[*client.UnsureError](err)
	if !ok || unsure.Bytes < int64(len("mine\n")) || unsure.Bytes > int64(len("one\nmine\n")) {
		t.Fatalf("got %v", err)
	}
	// What comes behind a hole is held back.
	say(t, a, "more\n")
	if got := inputOffset(t, direct, pid); got != int64(len("one\nmine\ntheirs\n")) {
		t.Errorf("stdin is at %d", got)
	}
	expect(t, a, "mine\ntheirs\nmore\n")
}

func TestAttachmentIsClosed(t *testing.T) {
	address := gafferd(t)
	v := badlink.NewValve(t, address)
	pid := create(t, connect(t, address), cat)
	a := attach(t, connect(t, v.Address), pid, client.AttachOptions{})
	received := make(chan error, 1)
	go func() {
		_, err := a.Receive(t.Context())
		received <- err
	}()
	a.Close()
	if err := <-received; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive: %v", err)
	}
	if err := a.Send(t.Context(), []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if err := a.CloseInput(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseInput: %v", err)
	}
	if err := a.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

// A Receive that is given up breaks the connection; the next one makes it again.
func TestReceiveIsGivenUp(t *testing.T) {
	c := connect(t, gafferd(t))
	pid := create(t, c, cat)
	a := attach(t, c, pid, client.AttachOptions{})
	say(t, a, "one\n")
	expect(t, a, "one\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := a.Receive(ctx); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	say(t, a, "two\n")
	expect(t, a, "two\n")
}

// A daemon that is restarting says so, and is not told of as one that is not there.
func TestAttachmentToARestartingDaemon(t *testing.T) {
	closings := []websocket.CloseError{
		{Code: websocket.StatusServiceRestart, Reason: "another worker goes on"}, {Code: websocket.StatusNormalClosure, Reason: "exit 0"},
	}
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Gaffer-Offset", "0")
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		closing := closings[0]
		closings = closings[1:]
		conn.Close(closing.Code, closing.Reason)
	}))
	var lost []error
	c := connect(t, address, client.WithRetryHook(func(err error, _ time.Duration) { lost = append(lost, err) }))
	a := attach(t, c, 1, client.AttachOptions{ReadOnly: true})
	if _, err := a.Receive(t.Context()); err != io.EOF || a.Reason() != "exit 0" {
		t.Errorf("got %v and %q, want EOF and exit 0", err, a.Reason())
	}
	if len(lost) != 1 || !errors.Is(lost[0], client.ErrUnreachable) || lost[0].Error() != "gafferd at "+address+" is restarting" {
		t.Errorf("told %v", lost)
	}
}
