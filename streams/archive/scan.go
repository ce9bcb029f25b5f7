package archive

import (
	"bufio"
	"bytes"
	"io"
)

// lookahead is how many index entries are read at once.
const lookahead = 256

// found is a record with what the index knows of it.
type found struct {
	record
	file   int64  // where it begins
	offset int64  // in its stream, of text[0]
	number uint64 // of the write that ended it
	gap    bool   // a remark on what is missing before offset, not output
}

// scan reads the records of a segment in order, beside its index.
type scan struct {
	in      *bufio.Reader
	x       *index
	file    int64 // where the next record begins
	end     int64 // where the last one ends
	entries []entry
	next    int // of the entries behind those
	current entry
	offset  [2]int64
	parser  parser
	text    []byte // of a record that did not fit the reader's buffer
}

// newScan begins at the i-th entry. end is how much of the file counts.
func newScan(log io.ReaderAt, x *index, i int, end int64) (*scan, error) {
	s := &scan{x: x, end: end, next: i}
	if err := s.load(); err != nil {
		return nil, err
	}
	if len(s.entries) > 0 {
		s.file = s.entries[0].file
	}
	s.in = bufio.NewReaderSize(io.NewSectionReader(log, s.file, max(0, end-s.file)), 64<<10)
	return s, nil
}

func (s *scan) load() error {
	es, err := s.x.entries(s.next, lookahead)
	s.entries = append(s.entries, es...)
	s.next += len(es)
	return err
}

// read returns the next record, or io.EOF behind the last whole one. Its text is
// valid until the next call.
func (s *scan) read() (found, error) {
	for {
		if err := s.align(); err != nil {
			return found{}, err
		}
		line, err := s.line()
		if err != nil {
			return found{}, err
		}
		at := s.file
		s.file += int64(len(line)) + 1
		r, err := s.parser.parse(line)
		if err != nil {
			continue // not ours; a reader is told by the offsets what is missing
		}
		f := found{record: r, file: at, offset: s.offset[r.fd-1], number: s.current.number}
		if s.current.gap && s.current.file == at {
			f.gap, f.fd = true, int(s.current.fd)
			f.offset = s.offset[f.fd-1]
			return f, nil
		}
		s.offset[r.fd-1] += r.length()
		return f, nil
	}
}

// align makes the entry current that the record at s.file belongs to.
func (s *scan) align() error {
	for {
		if len(s.entries) < 2 {
			if err := s.load(); err != nil {
				return err
			}
		}
		if len(s.entries) == 0 || s.entries[0].file > s.file {
			return nil
		}
		s.current = s.entries[0]
		s.offset = s.current.offset
		s.entries = s.entries[1:]
	}
}

// line reads up to a line's end, and returns what is before that.
func (s *scan) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull { // not by us, whose records are smaller
		s.text = append(s.text[:0], line...)
		for err == bufio.ErrBufferFull {
			line, err = s.in.ReadSlice('\n')
			s.text = append(s.text, line...)
		}
		line = s.text
	}
	if err != nil {
		return nil, io.EOF // of a half-written record nothing is known
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}
