package httpapi

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// ServeStarting answers for a daemon that listens and does not serve yet: that it is
// there (GET /ping), and everything else with 503. When ctx ends, whoever has connected
// is answered as with ErrReplaced, and then it returns.
func ServeStarting(ctx context.Context, listeners ...net.Listener) {
	conns := newConns()
	server := &http.Server{
		Handler:           http.HandlerFunc(starting),
		ConnState:         conns.changed,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // it is about what strangers send
	}
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { server.Serve(l) })
	}
	<-ctx.Done()
	handOver(server, listeners, &accepting, conns)
	_ = server.Close()
	conns.wait()
}

func starting(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ping" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		_ = writeBody(w, http.StatusOK, textType, []byte("OK"))
		return
	}
	w.Header().Set("Retry-After", "1")
	writeProblem(w, http.StatusServiceUnavailable, problemBody{
		Error:  "stopping",
		Reason: "the daemon waits for the one before it to stop its processes; try again in a moment",
	})
}
