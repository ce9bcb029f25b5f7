package httpapi

import (
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// direct writes the chunks of a response straight to its connection, each with
// one writev(2). net/http, which has a small buffer, needs three writes for a
// large chunk, and each wakes the reader.
//
// It may be used once the header has been flushed, for then net/http has nothing
// left to send but the last chunk, and that only when the handler has returned.
type direct struct {
	answer *answer
	conn   net.Conn

	held []byte // chunks that go first
	once nowaitWriter
	raw  syscall.RawConn
	head []byte
	vec  [4][]byte
	bufs net.Buffers // what is left of vec
}

// newDirect returns nil where net/http has to write the body: in HTTP/2, in TLS,
// for HTTP/1.0, which has no chunks, and in a server that is not Server.Serve's.
func newDirect(w http.ResponseWriter, r *http.Request) *direct {
	a, ok := w.(*answer)
	if !ok || r.ProtoMajor != 1 || r.ProtoMinor == 0 {
		return nil
	}
	switch conn := r.Context().Value(connKey{}).(type) {
	case *net.TCPConn:
		return &direct{answer: a, conn: conn, raw: rawConn(conn)}
	case *net.UnixConn:
		return &direct{answer: a, conn: conn, raw: rawConn(conn)}
	}
	return nil
}

// hold keeps p, as a chunk, for the next call of chunk.
func (d *direct) hold(p []byte) {
	if len(p) == 0 {
		return // that would be the last one
	}
	if len(d.held) > 0 || len(p) > smallBatch {
		d.held = roomy(d.held)
	}
	d.held = appendChunk(d.held, p)
	d.answer.bytes += int64(len(p))
}

// chunk sends what is held and then p, as one chunk if it is not empty.
func (d *direct) chunk(p []byte) error {
	d.vec[0], d.bufs = d.held, d.vec[:1]
	if len(p) > 0 {
		d.frame(p)
		d.bufs = d.vec[:]
	}
	if len(d.held) == 0 {
		d.bufs = d.bufs[1:]
	}
	_, err := d.bufs.WriteTo(d.conn)
	clear(d.vec[:]) // they are only borrowed
	d.held = reuse(d.held)
	d.answer.bytes += int64(len(p))
	return err
}

// offer is chunk for somebody who must not wait. If only the beginning could be
// written, the next call of chunk writes the rest first.
func (d *direct) offer(p []byte) (taken, rest bool) {
	if len(d.held) > 0 {
		return false, false
	}
	d.frame(p)
	n, err := d.once.write(d.raw, d.vec[1:]...)
	if err != nil || n == 0 {
		clear(d.vec[:])
		return false, false // whoever writes it in the usual way finds out why
	}
	d.held = appendBehind(d.held, n, d.vec[1:]...)
	clear(d.vec[:])
	d.answer.bytes += int64(len(p))
	return true, len(d.held) > 0
}

// frame puts p, as a chunk, into all of vec but the first.
func (d *direct) frame(p []byte) {
	d.head = append(strconv.AppendInt(d.head[:0], int64(len(p)), 16), "\r\n"...)
	d.vec[1], d.vec[2], d.vec[3] = d.head, p, d.head[len(d.head)-2:]
}

// lastChunk ends a body in chunks.
const lastChunk = "0\r\n\r\n"

// appendChunk adds a chunk of an HTTP/1.1 body. It is not empty, for that would be
// the last one.
func appendChunk[T []byte | sseEvent | string](to []byte, data T) []byte {
	to = append(strconv.AppendInt(to, int64(len(data)), 16), "\r\n"...)
	return append(append(to, data...), "\r\n"...)
}
