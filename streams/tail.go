package streams

// TailLines returns the offset of the line that is n lines back from the end,
// or of the oldest byte kept if there are fewer. The unfinished last line
// counts. n <= 0 gives the end.
func (l *Log) TailLines(n int) int64 {
	start, end, runs := l.snapshot()
	if n <= 0 {
		return end
	}
	for at := range lineStarts(start, end, runs) {
		if n--; n == 0 {
			return at
		}
	}
	return start
}

// LastLine returns the offset of the last line that is not empty, or the end
// when there is none.
func (l *Log) LastLine() int64 {
	start, end, runs := l.snapshot()
	next := end
	for at := range lineStarts(start, end, runs) {
		if !blank(at, next, start, runs) {
			return at
		}
		next = at
	}
	return end
}

// snapshot returns what is kept now, as runs of bytes one after the other.
func (l *Log) snapshot() (start, end int64, runs [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.store.blocks {
		runs = append(runs, b.data)
	}
	return l.store.start(), l.store.end, runs
}

// lineStarts yields where lines begin, from the last one back to start.
func lineStarts(start, end int64, runs [][]byte) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		at := end     // offset of the byte behind the one looked at
		var next byte // that byte
		for i := len(runs) - 1; i >= 0; i-- {
			for j := len(runs[i]) - 1; j >= 0; j-- {
				c := runs[i][j]
				ends := c == '\n' || c == '\r' && next != '\n'
				if ends && at != end && !yield(at) {
					return
				}
				at--
				next = c
			}
		}
		if start < end {
			yield(start)
		}
	}
}

// blank says whether the line from offset at up to the next line's start holds
// nothing but its end.
func blank(at, next, start int64, runs [][]byte) bool {
	at -= start
	next -= start
	for _, r := range runs {
		n := int64(len(r))
		for _, c := range r[min(at, n):min(next, n)] {
			if c != '\n' && c != '\r' {
				return false
			}
		}
		at, next = max(at-n, 0), max(next-n, 0)
	}
	return true
}
