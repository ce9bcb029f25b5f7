package httpapi

import (
	"net"
	"net/http"
	"strconv"
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
		return &direct{answer: a, conn: conn}
	case *net.UnixConn:
		return &direct{answer: a, conn: conn}
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
		d.head = append(strconv.AppendInt(d.head[:0], int64(len(p)), 16), "\r\n"...)
		d.vec[1], d.vec[2], d.vec[3] = d.head, p, d.head[len(d.head)-2:]
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

// lastChunk ends a body in chunks.
const lastChunk = "0\r\n\r\n"

// appendChunk adds a chunk of an HTTP/1.1 body. It is not empty, for that would be
// the last one.
func appendChunk[T []byte | sseEvent | string](to []byte, data T) []byte {
	to = append(strconv.AppendInt(to, int64(len(data)), 16), "\r\n"...)
	return append(append(to, data...), "\r\n"...)
}
