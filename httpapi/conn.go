package httpapi

import (
	"crypto/tls"
	"net"
	"net/http"
)

// connKey is the key under which a request's context has its connection.
type connKey struct{}

// reset makes the connection of an HTTP/1.0 request end in an error. Without
// chunks its plain end would look like that of the answer.
func reset(r *http.Request) {
	if r.ProtoAtLeast(1, 1) {
		return
	}
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // it is as good as closed
	}
}
