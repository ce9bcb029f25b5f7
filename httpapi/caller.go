package httpapi

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// Keys of a connection's context: who is at its other end, where the kernel
// knows the user, and the connection itself.
type (
	callerKey struct{}
	connKey   struct{}
)

func withConn(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*net.UnixConn); ok {
		if user, ok := peerUser(c); ok {
			ctx = context.WithValue(ctx, callerKey{}, user)
		}
	}
	return context.WithValue(ctx, connKey{}, conn)
}

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

// caller tells callers apart that share nothing: users on a unix socket,
// addresses elsewhere.
func caller(r *http.Request) string {
	if user, ok := r.Context().Value(callerKey{}).(string); ok {
		return user
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
