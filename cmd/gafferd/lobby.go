package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/gafferd/gaffer/httpapi"
)

// lobbyPause is the time between two tries to listen where the predecessor may still
// do so.
const lobbyPause = 100 * time.Millisecond

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
	var all []net.Listener
	for _, one := range l.listeners {
		all = append(all, lent{one.Listener, one.plain})
	}
	httpapi.ServeStarting(ctx, all...)
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

// Accept implements net.Listener.
func (l lent) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed // else a server would try again
	}
	return conn, err
}

// Close implements net.Listener.
func (l lent) Close() error { return setDeadline(l.plain, time.Unix(1, 0)) }

func setDeadline(l net.Listener, t time.Time) error {
	if d, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return nil
}
