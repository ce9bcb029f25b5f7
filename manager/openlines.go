package manager

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// openLines are the lines of which a reader has been given a part, and is yet to
// be given the rest, by their output.
type openLines map[outputKey]openLine

type openLine struct {
	end   int64     // of what was given
	begun time.Time // when the line's first byte was read
}

const (
	openMark = "-" // before each of them in a cursor

	// maxOpenLines is how many of them a cursor has room for. What an older
	// instance's line began with may come again.
	maxOpenLines = 500
)

// String is what parseOpenLines reads.
func (ls openLines) String() string {
	keys := slices.SortedFunc(maps.Keys(ls), func(a, b outputKey) int {
		return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.fd, b.fd))
	})
	var b []byte
	for _, key := range keys[max(0, len(keys)-maxOpenLines):] {
		b = append(b, openMark...)
		for i, n := range [...]int64{int64(key.pid), int64(key.fd), ls[key].end, ls[key].begun.UnixNano()} {
			if i > 0 {
				b = append(b, '.')
			}
			b = strconv.AppendInt(b, n, 10)
		}
	}
	return string(b)
}

func parseOpenLines(s string) (ls openLines, ok bool) {
	ls = make(openLines)
	if s == "" {
		return ls, true
	}
	for line := range strings.SplitSeq(s[len(openMark):], openMark) {
		n, ok := fourNumbers(line)
		if !ok {
			return nil, false
		}
		ls[outputKey{int(n[0]), int(n[1])}] = openLine{n[2], time.Unix(0, n[3])}
	}
	return ls, true
}
