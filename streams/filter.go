package streams

import "bytes"

// Filter says which lines are wanted. The zero value is all.
type Filter struct {
	Match  func(text []byte) bool
	Prefix []byte // is in every text that matches; may be empty
}

// drop goes on to the next line in the chunk in hand that is wanted, over those
// whose text is there from end to end. It reports whether it left any out.
func (ls *Lines) drop() (some bool) {
	for len(ls.chunk.Data) > 0 {
		data, from := ls.chunk.Data, 0
		if prefix := ls.only.Prefix; len(prefix) > 0 {
			if at := bytes.Index(data, prefix); at >= 0 {
				from = lineStart(data[:at])
			} else {
				from = lineStart(data)
			}
		}
		if from == 0 {
			end := lineEnd(data)
			if end < 0 || end >= maxLine || ls.only.Match(data[:end]) {
				return some
			}
			from = end + 1
		}
		ls.skipLF = data[from-1] == '\r'
		ls.skip(from)
		ls.leap()
		some = true
	}
	return some
}

// lineStart is where the line begins in which data ends.
func lineStart(data []byte) int {
	start := bytes.LastIndexByte(data, '\n') + 1
	return start + bytes.LastIndexByte(data[start:], '\r') + 1
}

// lineEnd is where the first line of data ends, or -1.
func lineEnd(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	if end >= 0 {
		data = data[:end]
	}
	if cr := bytes.IndexByte(data, '\r'); cr >= 0 {
		return cr
	}
	return end
}

// leap takes the LF of a CRLF whose CR ended a line.
func (ls *Lines) leap() {
	if ls.skipLF && len(ls.chunk.Data) > 0 {
		ls.skipLF = false
		if ls.chunk.Data[0] == '\n' {
			ls.skip(1)
		}
	}
}
