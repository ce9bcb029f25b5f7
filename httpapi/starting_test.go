package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"testing"
	"time"
)

// What strangers send is nothing to tell of on standard error.
func TestServeStartingIsQuiet(t *testing.T) {
	var said bytes.Buffer
	before := log.Writer()
	log.SetOutput(&said)
	defer log.SetOutput(before)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := certificate(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ServeStarting(ctx, TLSListener(tcp, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}()
	conn, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n") // without TLS
	io.Copy(io.Discard, conn)
	cancel()
	<-done
	if said.String() != "" {
		t.Errorf("it said %s", said.String())
	}
}
