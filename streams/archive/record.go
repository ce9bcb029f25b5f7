package archive

import (
	"errors"
	"fmt"
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
func (r *record) appendTo(b []byte, s *stamp) []byte {
	b = append(b, s.of(r.nano)...)
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

// remark is the text of a record about n bytes that are missing before it.
func remark(fd int, n int64) string {
	return fmt.Sprintf("gaffer: %d bytes of %s were not logged", n, names[fd])
}

// missing is how many bytes a record that is a remark says are missing; 0 if it is
// none. What a process prints may look like one: the index says what it is.
func (r *record) missing() (n int64) {
	if _, err := fmt.Sscanf(string(r.text), "gaffer: %d bytes", &n); err != nil || r.partial || n <= 0 || n > 1<<48 || string(r.text) != remark(r.fd, n) {
		return 0
	}
	return n
}

// stamp is the last time that was written out: in a flood many lines have the
// same one.
type stamp struct {
	nano int64
	text []byte
}

// of is a time with nine decimals always, so that all heads are of one size.
func (s *stamp) of(nano int64) []byte {
	if s.nano != nano || s.text == nil {
		s.nano, s.text = nano, time.Unix(0, nano).UTC().AppendFormat(s.text[:0], timeLayout)
	}
	return s.text
}

var errRecord = errors.New("not a log record")

// parser reads records. It remembers the time that it has seen last: most
// records have the same one as the record before, or are of the same second.
type parser struct {
	stamp [len(timeLayout)]byte
	nano  int64
	unix  int64 // of its second
}

// parse reads a line without its end, as appendTo writes it. The text is a part
// of line.
func (p *parser) parse(line []byte) (r record, err error) {
	if len(line) < headSize || string(line[headSize-3:headSize-2]) != " " || line[headSize-1] != ' ' {
		return r, errRecord
	}
	switch string(line[len(timeLayout) : headSize-3]) {
	case " stdout":
		r.fd = stdout
	case " stderr":
		r.fd = stderr
	default:
		return r, errRecord
	}
	switch line[headSize-2] {
	case 'F':
	case 'P':
		r.partial = true
	default:
		return r, errRecord
	}
	r.nano, err = p.time(line[:len(timeLayout)])
	r.text = line[headSize:]
	return r, err
}

// time reads a time of timeLayout.
func (p *parser) time(b []byte) (int64, error) {
	const second = len("2006-01-02T15:04:05")
	if string(b) == string(p.stamp[:]) {
		return p.nano, nil
	}
	unix := p.unix
	if string(b[:second]) != string(p.stamp[:second]) {
		t, err := time.Parse(timeLayout, string(b))
		if err != nil {
			return 0, errRecord
		}
		unix = t.Unix()
	}
	nano := int64(0)
	for _, c := range b[second+1 : len(b)-1] {
		if c < '0' || c > '9' {
			return 0, errRecord
		}
		nano = 10*nano + int64(c-'0')
	}
	if b[second] != '.' || b[len(b)-1] != 'Z' {
		return 0, errRecord
	}
	copy(p.stamp[:], b)
	p.unix, p.nano = unix, unix*1e9+nano
	return p.nano, nil
}
