package httpapi

import "sync"

const (
	// batch is how many bytes of events travel together while there are more.
	batch = 64 << 10

	// smallBatch is as large a buffer as an idle reader should hold.
	smallBatch = 1 << 10
)

// batches are buffers of readers that had much to send.
var batches = sync.Pool{New: func() any { b := make([]byte, 0, batch+batch/4); return &b }}

// roomy is b, or a buffer with the same bytes that will hold a batch.
func roomy(b []byte) []byte {
	if cap(b) > smallBatch {
		return b
	}
	large := batches.Get().(*[]byte)
	return append((*large)[:0], b...)
}

// reuse is the buffer of what was sent, unless it is larger than an idle reader
// should hold.
func reuse(b []byte) []byte {
	if cap(b) <= smallBatch {
		return b[:0]
	}
	if cap(b) >= batch && cap(b) <= 2*batch { // others, which a long line has made, are left to the collector
		batches.Put(&b)
	}
	return nil
}
