package main

import (
	"errors"
	"net"
)

// spares are connections to a server that are open when somebody wants one.
type spares []net.Conn

// fill opens as many as are missing.
func (s *spares) fill(addr string, n int) error {
	for len(*s) < n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		*s = append(*s, conn)
	}
	return nil
}

// take returns one, which is the caller's to close.
func (s *spares) take() (net.Conn, error) {
	n := len(*s)
	if n == 0 {
		return nil, errors.New("no connection is left")
	}
	conn := (*s)[n-1]
	*s = (*s)[:n-1]
	return conn, nil
}

func (s *spares) close() {
	for _, conn := range *s {
		conn.Close()
	}
}
