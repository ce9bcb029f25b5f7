package httpapi

import (
	"context"
	"net"
	"net/http"
)

// callerKey is the context key of who is at the other end of a connection.
type callerKey struct{}

// withCaller is a connection's context: on a unix socket the kernel knows the
// user at the other end.
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*net.UnixConn); ok {
		if user, ok := peerUser(c); ok {
			return context.WithValue(ctx, callerKey{}, user)
		}
	}
	return ctx
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
