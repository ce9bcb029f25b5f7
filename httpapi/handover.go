package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrReplaced, as the cause with which Serve's context ends, says that another
// process goes on: with the same listening sockets, the same processes and the
// same streams. Nobody is made to wait for the end of anything then. Answers
// under way are completed, feeds and websockets are broken off in a way that
// tells clients to come again at once, and whoever connects meanwhile waits in
// the sockets' queues for the other process.
var ErrReplaced = errors.New("the daemon is being replaced")

const (
	// handOverGrace is how long answers that are under way may take when the
	// server is replaced, and silentGrace how long a client that has connected
	// may take to ask for something.
	handOverGrace = 2 * time.Second
	silentGrace   = 500 * time.Millisecond

	// retryNow tells readers of server-sent events to come again at once.
	retryNow = "retry: 100\r\n\r\n"
)

// feedContext is the context of a feed: that of its request, which also ends
// when the server is replaced, with ErrReplaced. forget must be called in the end.
func feedContext(request context.Context) (ctx context.Context, forget func()) {
	ctx, cancel := context.WithCancelCause(request)
	stop := onReplaced(request, func() { cancel(ErrReplaced) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// onReplaced has f called when the server of a request is replaced, until stop
// is called.
func onReplaced(request context.Context, f func()) (stop func() bool) {
	ending := endingContext(request)
	return context.AfterFunc(ending, func() {
		if replaced(ending) {
			f()
		}
	})
}

func replaced(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrReplaced) }

// handOver ends a server that is replaced. It does not shut it down before all is
// quiet: net/http drops what it reads from then on, and a request may have been
// sent before anybody could know.
func handOver(server *http.Server, listeners []net.Listener, accepting *sync.WaitGroup, conns *conns) {
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()                   // what was accepted just now is among conns then
	server.SetKeepAlivesEnabled(false) // each connection ends with its answer
	silent := time.AfterFunc(silentGrace, conns.closeSilent)
	defer silent.Stop()
	conns.waitFor(handOverGrace)
}
