package manager

import (
	"fmt"
	"strconv"
	"strings"
)

// LogCursor is a place in the merged output of an app: behind one line. The zero
// value is none. It stays good for as long as what follows is kept, and with a
// state directory over the daemon's restarts.
type LogCursor struct {
	number uint64 // of the write that completed the line
	key    outputKey
	end    int64 // where the next line of that stream begins

	// open are the lines that were given in part by then, as openLines.String
	// writes them.
	open string
}

// String is what ParseLogCursor reads. It has no meaning to others.
func (c LogCursor) String() string {
	if c == (LogCursor{}) {
		return ""
	}
	return string(c.AppendTo(nil))
}

// AppendTo appends the text of a cursor that is not the zero value to b.
func (c LogCursor) AppendTo(b []byte) []byte {
	return append(strconv.AppendInt(c.appendStem(b), c.end, 10), c.open...)
}

// Split takes the text of a cursor apart: at is a number in it, from which that of a
// line of the same write, so many bytes further on, differs by these.
func (c LogCursor) Split() (before string, at int64, after string) {
	return string(c.appendStem(nil)), c.end, c.open
}

func (c LogCursor) appendStem(b []byte) []byte {
	b = append(strconv.AppendUint(b, c.number, 10), '.')
	b = append(strconv.AppendInt(b, int64(c.key.pid), 10), '.')
	return append(strconv.AppendInt(b, int64(c.key.fd), 10), '.')
}

// ParseLogCursor reads what LogCursor.String wrote. The error is ErrBadValue.
func ParseLogCursor(s string) (LogCursor, error) {
	line, _, _ := strings.Cut(s, openMark)
	n, ok := fourNumbers(line)
	if !ok {
		return LogCursor{}, badCursor(s)
	}
	c := LogCursor{number: uint64(n[0]), key: outputKey{int(n[1]), int(n[2])}, end: n[3], open: s[len(line):]}
	if _, ok := parseOpenLines(c.open); !ok {
		return LogCursor{}, badCursor(s)
	}
	return c, nil
}

// fourNumbers reads numbers with dots between them.
func fourNumbers(s string) (n [4]int64, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != len(n) {
		return n, false
	}
	for i, part := range parts {
		u, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return n, false
		}
		n[i] = int64(u)
	}
	return n, true
}

func badCursor(s string) error {
	return fmt.Errorf("cursor %.60q: %w: take it as it came with a line", s, ErrBadValue)
}
