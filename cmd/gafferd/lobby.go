package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gafferd/gaffer/httpapi"
)

const (
	// lobbyPause is the time between two tries to listen where the predecessor
	// may still do so.
	lobbyPause = 100 * time.Millisecond

	// lobbyGrace is how long answers may take that are under way when the daemon
	// begins to serve.
	lobbyGrace = time.Second
)

// lobby serves while the daemon waits for its predecessor: that it is there, and
// nothing else.
type lobby struct {
	listen func() ([]listener, error)

	waiting   *part      // nil before open
	listeners []listener // once waiting has ended: nil if none could be had
}

// open begins to listen, as soon as that is possible.
func (l *lobby) open() { l.waiting = begin(l.serve) }

// close returns the listeners for the daemon to go on with; nil if there are none
// yet.
func (l *lobby) close() []listener {
	if l.waiting == nil {
		return nil
	}
	_ = l.waiting.stop() // it has no errors
	return l.listeners
}

func (l *lobby) serve(ctx context.Context) error {
	for l.listeners == nil {
		var err error
		if l.listeners, err = l.listen(); err == nil {
			break
		}
		select {
		case <-time.After(lobbyPause):
		case <-ctx.Done():
			return nil
		}
	}
	server := &http.Server{Handler: httpapi.Starting(), ReadHeaderTimeout: 10 * time.Second}
	var accepting sync.WaitGroup
	for _, one := range l.listeners {
		accepting.Go(func() { server.Serve(lent{one.Listener, one.plain}) })
	}
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lobbyGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	accepting.Wait()
	for _, one := range l.listeners {
		setDeadline(one.plain, time.Time{})
	}
	return nil
}

// lent is a listener that stays open when it is closed, which only ends Accept.
type lent struct {
	net.Listener
	plain net.Listener
}

// Close implements net.Listener.
func (l lent) Close() error { return setDeadline(l.plain, time.Unix(1, 0)) }

func setDeadline(l net.Listener, t time.Time) error {
	if d, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return nil
}
