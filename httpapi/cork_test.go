package httpapi

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// connected is both ends of a connection.
func connected(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if far, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if near, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	near.SetWriteDeadline(time.Now().Add(patience))
	return near, far
}

// fill offers p until it fits in only partly, and returns all that was taken.
func fill(t *testing.T, p []byte, offer func(p []byte) (taken, rest bool)) (all []byte) {
	t.Helper()
	for {
		taken, rest := offer(p)
		if !taken {
			t.Fatalf("after %d bytes nothing fits in at all: try with another size", len(all))
		}
		if all = append(all, p...); rest {
			break
		}
	}
	if taken, rest := offer([]byte("8 bytes!")); taken || rest {
		t.Error("something is taken before the rest of what was begun")
	}
	return all
}

var offered = bytes.Repeat([]byte("0123456789abcde\n"), 255)

// TestOfferedMessages offers messages to a connection until one fits in only partly:
// its rest goes before whatever comes next.
func TestOfferedMessages(t *testing.T) {
	near, far := connected(t)
	c := &corkedConn{Conn: near, stall: patience, raw: rawConn(near)}
	c.mu.Lock()
	if taken, rest := c.offer([]byte("x")); taken || rest {
		t.Error("takes a message in the middle of another")
	}
	c.mu.Unlock()
	want := fill(t, offered, func(p []byte) (taken, rest bool) { return c.offer(p[:7], p[7:]) })
	read := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(far)
		read <- text
	}()
	for _, p := range []string{"a pong", " more"} {
		if _, err := c.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		want = append(want, p...)
	}
	if err := c.flush(); err != nil {
		t.Error(err)
	}
	near.Close()
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrive that are not the %d that were written", len(got), len(want))
	}
	if taken, rest := c.offer([]byte("x")); taken || rest {
		t.Error("takes a message after the end")
	}
}

// TestOfferedChunks does likewise with the chunks of a response.
func TestOfferedChunks(t *testing.T) {
	near, far := connected(t)
	io.WriteString(near, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	d := &direct{answer: new(answer), conn: near, raw: rawConn(near)}
	want := fill(t, offered, d.offer)
	read := make(chan []byte)
	go func() {
		var body []byte
		if resp, err := http.ReadResponse(bufio.NewReader(far), nil); err != nil {
			t.Error(err)
		} else if body, err = io.ReadAll(resp.Body); err != nil {
			t.Error(err)
		}
		read <- body
	}()
	if err := d.chunk([]byte("more")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room for more", func() bool {
		taken, _ := d.offer([]byte(" at once"))
		return taken
	})
	io.WriteString(near, lastChunk)
	if got := <-read; string(got) != string(want)+"more at once" {
		t.Errorf("%d bytes arrive that are not the %d that were written", len(got), len(want))
	}
}
