package streams

import "sort"

// LineAfter returns where the first line begins that is completed by a write for
// which after is true, or completed by nothing yet. It is the end when there is
// none. Writes are in the order of their numbers and, unless the clock was set
// back, of their times; after must be true for all that follow one for which it
// is. If some of them are no longer kept, or that is not known, the offset is of
// what is missing. The end of a Log completes an unfinished line like a write.
func (l *Log) LineAfter(after func(Mark) bool) int64 {
	l.mu.Lock()
	end := Mark{Offset: l.store.end, UnixNano: l.endNano, Number: l.endNumber}
	closed := l.closed
	l.mu.Unlock()
	if closed && !after(end) {
		return end.Offset // and so it is not for what was before
	}
	return l.lineAt(l.search(after))
}

// Number is the number of the newest write, or of the end once the Log is
// closed; 0 while there is none.
func (l *Log) Number() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.endNumber
	}
	return l.store.number
}

// search returns the offset where the first write begins for which after is
// true, or the end when there is none.
func (l *Log) search(after func(Mark) bool) int64 {
	l.mu.Lock()
	at, first := l.store.search(after)
	start, began, lost := l.store.start(), l.store.began, l.store.lost
	l.mu.Unlock()
	if !first {
		return at
	}
	// The first one in memory: those before it may be in the archive.
	var kept int64 // what is in the archive ends there
	if l.archive != nil {
		if found, ok := l.archive.Search(after); ok && found < start {
			return found
		}
		if l.archive.Start() < l.archive.End() {
			kept = l.archive.End()
		}
	}
	// Or nowhere: then a reader is to be told that he missed it, or at least the
	// last of it.
	switch {
	case lost.Number == 0 || lost.Offset < kept:
	case kept == 0 && after(began):
		return 0
	case after(lost):
		return lost.Offset
	}
	return at
}

// lineAt returns where the line begins that goes on at offset: offset itself if
// a line ends before it.
func (l *Log) lineAt(offset int64) int64 {
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

// search finds a write as Log.search does. first says that it is the oldest one
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
