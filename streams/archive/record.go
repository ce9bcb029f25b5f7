package archive

import (
	"bytes"
	"errors"
	"time"
)

const (
	timeLayout = "2006-01-02T15:04:05.000000000Z"
	headSize   = len(timeLayout) + len(" stdout F ")
	maxText    = 16 << 10 // of one record, as the readers of the format expect
)

// The streams that are kept, by file descriptor.
const (
	stdout = 1
	stderr = 2
)

var names = [...]string{stdout: "stdout", stderr: "stderr"}

// record is one line of a file.
type record struct {
	nano    int64 // when its first byte was read from the process
	fd      int
	partial bool // its line goes on in the next record of that fd
	text    []byte
}

// length is how many bytes of the stream the record stands for.
func (r *record) length() int64 {
	if r.partial {
		return int64(len(r.text))
	}
	return int64(len(r.text)) + 1
}

// appendTo appends the record as a line.
func (r *record) appendTo(b []byte) []byte {
	b = appendTime(b, r.nano)
	b = append(b, ' ')
	b = append(b, names[r.fd]...)
	if r.partial {
		b = append(b, " P "...)
	} else {
		b = append(b, " F "...)
	}
	b = append(b, r.text...)
	return append(b, '\n')
}

// appendTime appends nine decimals always, so that all heads are of one size.
func appendTime(b []byte, nano int64) []byte {
	return time.Unix(0, nano).UTC().AppendFormat(b, timeLayout)
}

var errRecord = errors.New("not a log record")

// parseRecord reads a line without its end. The text is a part of line.
func parseRecord(line []byte) (r record, err error) {
	stamp, rest, ok1 := bytes.Cut(line, []byte(" "))
	name, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tag, text, ok3 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || !ok3 {
		return r, errRecord
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return r, errRecord
	}
	switch string(name) {
	case names[stdout]:
		r.fd = stdout
	case names[stderr]:
		r.fd = stderr
	default:
		return r, errRecord
	}
	switch string(tag) {
	case "F":
	case "P":
		r.partial = true
	default:
		return r, errRecord
	}
	r.nano, r.text = t.UnixNano(), text
	return r, nil
}
