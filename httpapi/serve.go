package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// The defaults of Limits.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute

	maxHeader = 64 << 10

	// shutdownGrace is how long answers that are under way may take at the end.
	shutdownGrace = 2 * time.Second
)

// Serve serves the listeners until ctx ends or one of them fails. Then, after
// DrainTimeout, feeds and websockets are broken off, answers under way are
// completed, and Serve returns when every connection and every handler is gone
// and the listeners are closed: nil, or why a listener failed. With ErrReplaced
// as the cause of ctx's end there is no DrainTimeout.
//
// For TLS, give it TLSListener(l, config).
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	requests, stop := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), endingKey{}, ctx))
	defer stop(nil)
	var handlers sync.WaitGroup
	conns, room := newConns(), newRoom(s.limits)
	defer room.close()
	leave := func(g *guest) {
		room.end(g)
		handlers.Done()
	}
	audiences := newAudiences(s, requests, leave)
	defer audiences.close()
	requests = context.WithValue(requests, audiencesKey{}, audiences)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			g := guestOf(r)
			room.begin(g)
			defer func() {
				if !g.seated {
					leave(g)
				}
			}()
			if g.short != nil {
				w.Header().Set("Connection", "close")
			}
			s.serveHTTP(w, r)
		}),
		BaseContext:                  func(net.Listener) context.Context { return requests },
		ConnContext:                  room.enter,
		ConnState:                    func(conn net.Conn, state http.ConnState) { conns.changed(conn, state); room.changed(conn, state) },
		ReadHeaderTimeout:            s.limits.HeaderTimeout,
		IdleTimeout:                  s.limits.IdleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}

	var accepting sync.WaitGroup
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		accepting.Go(func() {
			if err := server.Serve(room.listener(l)); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}

	if replaced(ctx) {
		handOver(server, listeners, &accepting, conns)
		stop(ErrReplaced) // whoever waited for something hears that it is not over yet
		conns.waitFor(silentGrace)
	} else if s.drainTimeout > 0 {
		drain(context.WithoutCancel(ctx), s.drainTimeout, server, &handlers)
	}
	stop(errStopping)
	conns.closeSilent()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	_ = server.Shutdown(grace) // what it does not manage in time is closed next
	accepting.Wait()
	_ = server.Close() // also what was accepted after Shutdown looked
	hurry := time.AfterFunc(shutdownGrace, audiences.dropAll)
	defer hurry.Stop()
	conns.wait()
	handlers.Wait()
	return err
}

// endingKey is the key under which a request's context has the one that ends
// when Serve is to end.
type endingKey struct{}

// endingContext is that context, for answers that have no end of their own and
// so would keep drain waiting. In a server of the embedding program it never
// ends.
func endingContext(ctx context.Context) context.Context {
	if c, ok := ctx.Value(endingKey{}).(context.Context); ok {
		return c
	}
	return context.Background()
}

// ending is closed when that context ends.
func ending(ctx context.Context) <-chan struct{} { return endingContext(ctx).Done() }

// drain accepts nothing any more, and waits for a while until those who are
// being answered have got everything.
func drain(ctx context.Context, patience time.Duration, server *http.Server, handlers *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return
	}
	// What is left are websockets, which Shutdown does not know of.
	done := make(chan struct{})
	go func() {
		defer close(done)
		handlers.Wait() // Serve waits for the same, so this ends with it
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// TLSListener makes connections of l speak TLS, with HTTP/2 for clients that
// know it.
func TLSListener(l net.Listener, config *tls.Config) net.Listener {
	config = config.Clone()
	for _, protocol := range []string{"h2", "http/1.1"} {
		if !slices.Contains(config.NextProtos, protocol) {
			config.NextProtos = append(config.NextProtos, protocol)
		}
	}
	return tls.NewListener(l, config)
}
