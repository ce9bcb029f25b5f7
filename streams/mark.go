package streams

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Sequence numbers the writes of all Logs that share it, so that several
// streams can be merged in the order in which they were read, which clocks
// cannot tell. The zero value is ready; it is safe for concurrent use.
type Sequence struct{ n atomic.Uint64 }

// next returns the next number, beginning with 1.
func (s *Sequence) next() uint64 { return s.n.Add(1) }

// Last is the number that was given last. When it is read, the writes with all
// numbers up to it can be seen in their Logs.
func (s *Sequence) Last() uint64 { return s.n.Load() }

// Skip makes the numbers go on behind n, if they are not there yet: what is in an
// archive keeps its own.
func (s *Sequence) Skip(n uint64) {
	for last := s.n.Load(); last < n && !s.n.CompareAndSwap(last, n); last = s.n.Load() {
	}
}

func (s *Sequence) mark(offset int64) Mark {
	return Mark{Offset: offset, UnixNano: time.Now().UnixNano(), Number: s.next()}
}

// Mark says when a write was made: its first byte's offset, the time, and its
// number in the Sequence. It covers all bytes up to the next Mark.
type Mark struct {
	Offset   int64
	UnixNano int64
	Number   uint64
}

const markSize = int64(unsafe.Sizeof(Mark{}))

// Time is when the bytes were read from the process.
func (m Mark) Time() time.Time { return time.Unix(0, m.UnixNano) }
