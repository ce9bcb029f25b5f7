package main

import (
	"net"
	"sync"
)

// spareConns is how many connections are opened before they are needed.
const spareConns = 10

// spares are connections to a server that are open when somebody wants one.
type spares struct {
	conns  chan net.Conn
	failed chan error
	stop   chan struct{}
	dialer sync.WaitGroup
}

func openSpares(addr string) *spares {
	s := &spares{conns: make(chan net.Conn, spareConns), failed: make(chan error, 1), stop: make(chan struct{})}
	s.dialer.Go(func() { s.dial(addr) })
	return s
}

func (s *spares) dial(addr string) {
	defer close(s.conns)
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			s.failed <- err
			return
		}
		select {
		case s.conns <- conn:
		case <-s.stop:
			conn.Close()
			return
		}
	}
}

// take returns a connection, which is the caller's to close.
func (s *spares) take() (net.Conn, error) {
	if conn, ok := <-s.conns; ok {
		return conn, nil
	}
	return nil, <-s.failed
}

func (s *spares) close() {
	close(s.stop)
	s.dialer.Wait()
	for conn := range s.conns {
		conn.Close()
	}
}
