package streams

import "iter"

// TailLines returns the offset of the line that is n lines back from the end,
// or of the oldest byte kept if there are fewer. The unfinished last line
// counts. n <= 0 gives the end.
func (l *Log) TailLines(n int) int64 {
	at := l.End()
	if n <= 0 {
		return at
	}
	for start := range lineStarts(at, l.runs(at)) {
		at = start
		if n--; n == 0 {
			break
		}
	}
	return at
}

// LastLine returns the offset of the last line that is not empty, or the end
// when there is none.
func (l *Log) LastLine() int64 {
	end := l.End()
	for start, empty := range lineStarts(end, l.runs(end)) {
		if !empty {
			return start
		}
	}
	return end
}

// lineStarts yields where lines begin that begin before end, from the last one
// back, and whether they are empty. The runs are what is kept, from the last one
// back; a line whose beginning is missing begins where it goes on, and one whose
// end is missing ends there.
func lineStarts(end int64, runs iter.Seq2[int64, []byte]) iter.Seq2[int64, bool] {
	return func(yield func(int64, bool) bool) {
		line, empty := end, true // where the line looked at goes on
		var next byte            // the byte behind the one looked at
		for offset, run := range runs {
			if to := offset + int64(len(run)); to < line { // what is between is missing
				if line < end && !yield(line, empty) {
					return
				}
				line, end, empty, next = to, to, true, 0
			}
			for i := min(int64(len(run)), end-offset) - 1; i >= 0; i-- {
				c := run[i]
				if c == '\n' || c == '\r' && next != '\n' {
					if line < end && !yield(line, empty) {
						return
					}
					empty = true
				} else if c != '\r' {
					empty = false
				}
				next = c
				line = offset + i
			}
		}
		if line < end {
			yield(line, empty)
		}
	}
}
