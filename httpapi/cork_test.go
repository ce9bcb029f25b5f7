package httpapi

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// TestOfferedMessages offers messages to a connection until one fits in only partly:
// its rest goes before whatever comes next.
func TestOfferedMessages(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	c := &corkedConn{Conn: near, raw: rawConn(near)}

	c.mu.Lock()
	if taken, rest := c.offer([]byte("x")); taken || rest {
		t.Error("takes a message in the middle of another")
	}
	c.mu.Unlock()
	var want []byte
	message := bytes.Repeat([]byte("0123456789abcde\n"), 255)
	rest := false
	for n := 0; !rest; n++ {
		var taken bool
		taken, rest = c.offer(message)
		if !taken {
			t.Fatalf("message %d did not fit at all; try messages of another size", n)
		}
		want = append(want, message...)
	}
	if taken, rest := c.offer([]byte("x")); taken || rest {
		t.Error("takes a message before the rest of another")
	}
	read := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(far)
		read <- text
	}()
	near.SetWriteDeadline(time.Now().Add(patience))
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
