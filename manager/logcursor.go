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
	b = append(strconv.AppendUint(b, c.number, 10), '.')
	b = append(strconv.AppendInt(b, int64(c.key.pid), 10), '.')
	b = append(strconv.AppendInt(b, int64(c.key.fd), 10), '.')
	return strconv.AppendInt(b, c.end, 10)
}

// ParseLogCursor reads what LogCursor.String wrote. The error is ErrBadValue.
func ParseLogCursor(s string) (LogCursor, error) {
	parts := strings.Split(s, ".")
	var n [4]uint64
	if len(parts) != len(n) {
		return LogCursor{}, badCursor(s)
	}
	for i, part := range parts {
		var err error
		if n[i], err = strconv.ParseUint(part, 10, 63); err != nil {
			return LogCursor{}, badCursor(s)
		}
	}
	return LogCursor{number: n[0], key: outputKey{int(n[1]), int(n[2])}, end: int64(n[3])}, nil
}

func badCursor(s string) error {
	return fmt.Errorf("cursor %.60q: %w: take it as it came with a line", s, ErrBadValue)
}
