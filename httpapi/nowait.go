package httpapi

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// nowaitWriter writes to one connection after the other, without waiting.
type nowaitWriter struct {
	data [][]byte
	n    int
	err  error
	try  func(fd uintptr) bool // the method value, made once
}

// write returns how much of all of data was taken at once. That it was not the whole
// is no error.
func (w *nowaitWriter) write(conn syscall.RawConn, data ...[]byte) (int, error) {
	if w.try == nil {
		w.try = w.once
	}
	w.data, w.n, w.err = append(w.data, data...), 0, nil
	err := conn.Write(w.try)
	clear(w.data) // they are only borrowed
	w.data = w.data[:0]
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

func (w *nowaitWriter) once(fd uintptr) bool {
	for {
		n, err := unix.Writev(int(fd), w.data)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil && err != unix.EAGAIN:
			w.err = err
		}
		w.n = max(n, 0)
		return true
	}
}

// appendBehind appends what of data comes behind the first n bytes.
func appendBehind(to []byte, n int, data ...[]byte) []byte {
	for _, part := range data {
		cut := min(n, len(part))
		to = append(to, part[cut:]...)
		n -= cut
	}
	return to
}

// rawConn is what a connection is for a nowaitWriter; nil if it has to be written to
// in another way, as one with TLS.
func rawConn(conn net.Conn) syscall.RawConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		raw, _ := conn.SyscallConn()
		return raw
	case *net.UnixConn:
		raw, _ := conn.SyscallConn()
		return raw
	}
	return nil
}
