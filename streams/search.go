package streams

import "sort"

// Search returns the offset where the first write begins for which after is
// true, or the end when there is none. Writes are in the order of their numbers
// and, unless the clock was set back, of their times; after must be true for all
// that follow one for which it is.
func (l *Log) Search(after func(Mark) bool) int64 {
	l.mu.Lock()
	at, first := l.store.search(after)
	start := l.store.start()
	l.mu.Unlock()
	if l.archive == nil || !first {
		return at
	}
	// The first one in memory: those before it may be in the archive.
	if found, ok := l.archive.Search(after); ok && found < start {
		return found
	}
	return at
}

// LineAt returns where the line begins that goes on at offset: offset itself if
// a line ends before it.
func (l *Log) LineAt(offset int64) int64 {
	offset = min(offset, l.End())
	for at, run := range l.runs(offset) {
		if c := run[len(run)-1]; at+int64(len(run)) < offset || c == '\n' || c == '\r' {
			return offset
		}
		break
	}
	for start := range lineStarts(offset, l.runs(offset)) {
		return start
	}
	return offset
}

// search finds a write as Log.Search does. first says that it is the oldest one
// that is kept here.
func (s *store) search(after func(Mark) bool) (at int64, first bool) {
	n := len(s.blocks)
	if n > 0 && len(s.blocks[n-1].marks) == 0 {
		n-- // made for a read that brought nothing
	}
	i := sort.Search(n, func(i int) bool {
		marks := s.blocks[i].marks
		return after(marks[len(marks)-1])
	})
	if i == n {
		return s.end, n == 0
	}
	b := s.blocks[i]
	j := sort.Search(len(b.marks), func(j int) bool { return after(b.marks[j]) })
	return max(b.marks[j].Offset, s.start()), i == 0 && j == 0
}
