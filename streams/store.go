package streams

import (
	"sort"
	"sync"
)

// Sizes of blocks, in bytes. A quiet stream costs a small one; a flood is read
// into large ones.
const (
	minBlock   = 512
	maxBlock   = 256 << 10
	floodBlock = 64 << 10 // what the first reads of a flood go into
	minDirect  = 4 << 10  // less free space than this is not worth a read(2)
)

// scratches are what a quiet stream is read into, so that it need not hold room
// for a read that may never come.
var scratches = sync.Pool{New: func() any { b := make([]byte, floodBlock); return &b }}

// block is a run of a stream's bytes. What is committed does not change while it
// is kept or a reader has it in hand, so readers are handed slices of it without
// a copy, and one that stalls keeps no more than this block alive (blocks do not
// link to each other for that reason).
type block struct {
	start int64
	data  []byte // committed; the capacity is the block's size
	marks []Mark // where each write began, the first at or before start

	inHand  int   // how many readers have a part of it
	dropped bool  // the store has it no more
	place   place // in the Log's Backing
}

func (b *block) end() int64  { return b.start + int64(len(b.data)) }
func (b *block) free() int   { return cap(b.data) - len(b.data) }
func (b *block) size() int64 { return int64(cap(b.data)) + int64(cap(b.marks))*markSize }

// store holds the bytes of one Log as blocks. Its methods need the
// Log's lock, except that the space which direct returned may be written to
// without it by the one writer.
type store struct {
	maxBlock int
	blocks   []*block // oldest first
	end      int64
	size     int64  // memory held by blocks
	number   uint64 // of the newest write
	began    Mark   // of the first write of all
	lost     Mark   // of the last write of which something is not kept any more
	full     int    // reads in a row that filled the space they were given
}

func (s *store) start() int64 {
	if len(s.blocks) == 0 {
		return s.end
	}
	return s.blocks[0].start
}

func (s *store) last() *block {
	if len(s.blocks) == 0 {
		return nil
	}
	return s.blocks[len(s.blocks)-1]
}

// newest is where the last write began.
func (s *store) newest() int64 {
	if b := s.last(); b != nil && len(b.marks) > 0 {
		return b.marks[len(b.marks)-1].Offset
	}
	return s.end
}

// grows is the size of the block that the next read will take, 0 if the last
// block has room for it.
func (s *store) grows() int {
	b := s.last()
	switch {
	case s.full == 0 && b != nil && b.free() >= min(minDirect, s.maxBlock/4):
		return 0
	case s.full == 0: // by way of a scratch buffer
		return s.follows(floodBlock)
	case b != nil && b.free() >= min(floodBlock/4, s.maxBlock/4):
		return 0
	case s.full == 1:
		return min(floodBlock, s.maxBlock)
	}
	return s.maxBlock
}

// follows is the size of the block behind the last one, when n more bytes are
// copied there.
func (s *store) follows(n int) int {
	size := minBlock
	if b := s.last(); b != nil {
		size = 2 * cap(b.data)
	}
	return min(max(size, n), s.maxBlock)
}

// needs is how much memory the next read may take.
func (s *store) needs() int64 {
	n := int64(s.grows())
	if b := s.last(); b != nil && len(b.marks) == cap(b.marks) {
		n += int64(cap(b.marks)) * markSize
	}
	return n + markSize
}

// barrier is the end of the last block that has to go so that n more bytes of
// memory fit limit.
func (s *store) barrier(n, limit int64) int64 {
	n += s.size - limit
	for _, b := range s.blocks {
		if n -= b.size(); n <= 0 {
			return b.end()
		}
	}
	return s.end
}

// direct returns free space to read into, or nil when the stream is quiet and
// has none worth reading into.
func (s *store) direct() []byte {
	if size := s.grows(); size > 0 {
		if s.full == 0 {
			return nil
		}
		s.grow(size)
	}
	b := s.last()
	return b.data[len(b.data):cap(b.data)]
}

// reuse makes b, which was dropped and which nobody reads any more, the last block. In
// a flood this saves clearing and collecting memory.
func (s *store) reuse(b *block) {
	b.start, b.data, b.marks = s.end, b.data[:0], b.marks[:0]
	s.push(b)
}

// commit makes n bytes that were written into direct's space part of the stream.
func (s *store) commit(n int, m Mark) {
	b := s.last()
	if n == b.free() && n >= min(floodBlock, s.maxBlock)/4 {
		s.full++
	} else if n < minDirect {
		s.full = 0
	}
	s.mark(b, m)
	b.data = b.data[:len(b.data)+n]
	s.end += int64(n)
}

// add appends a copy of p.
func (s *store) add(p []byte, m Mark) {
	if len(p) == floodBlock {
		s.full++
	}
	for len(p) > 0 {
		b := s.last()
		if b == nil || b.free() == 0 {
			b = s.grow(s.follows(len(p)))
		}
		n := copy(b.data[len(b.data):cap(b.data)], p)
		s.mark(b, m)
		b.data = b.data[:len(b.data)+n]
		s.end += int64(n)
		p = p[n:]
	}
}

func (s *store) grow(size int) *block {
	return s.push(&block{start: s.end, data: make([]byte, 0, size)})
}

// push makes b the last block.
func (s *store) push(b *block) *block {
	s.blocks = append(s.blocks, b)
	s.size += b.size()
	return b
}

func (s *store) mark(b *block, m Mark) {
	s.number = m.Number
	if s.began.Number == 0 {
		s.began = m
	}
	before := cap(b.marks)
	b.marks = append(b.marks, m)
	s.size += int64(cap(b.marks)-before) * markSize
}

// drop forgets the oldest block and returns it.
func (s *store) drop() *block {
	b := s.blocks[0]
	s.blocks[0] = nil
	s.blocks = s.blocks[1:]
	s.size -= b.size()
	if len(b.marks) > 0 {
		s.lost = b.marks[len(b.marks)-1]
	}
	return b
}

// at returns the bytes from offset on up to the end of their block, the marks
// that cover them, and that block: nil when nothing is kept there.
func (s *store) at(offset int64) (data []byte, marks []Mark, from *block) {
	if offset >= s.end || offset < s.start() {
		return nil, nil, nil
	}
	i := len(s.blocks) - 1
	if b := s.blocks[i]; b.start > offset { // not in the newest, where most readers are
		i = sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i].end() > offset })
	}
	b := s.blocks[i]
	data = b.data[offset-b.start:]
	first := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].Offset > offset }) - 1
	return data[:len(data):len(data)], b.marks[max(first, 0):len(b.marks):len(b.marks)], b
}
