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

// scan reads the records of a segment in order, beside its index. Where a power cut has
// left zeros in either, it leaves out what is of no known place in its stream: a reader is
// told by the offsets what is missing.
type scan struct {
	in      *bufio.Reader
	x       *index
	file    int64 // where the next record begins
	end     int64 // where the last one ends
	entries []entry
	next    int   // of the entries behind those
	before  entry // those
	current entry
	offset  [2]int64
	astray  bool // that is not where the next record begins, but with the next entry
	parser  parser
	text    []byte // of a record that did not fit the reader's buffer
}

// newScan begins at the i-th entry, or the last before it that is firm. end is how much
// of the file counts.
func newScan(log io.ReaderAt, x *index, i int, end int64) (*scan, error) {
	i, e, err := x.upTo(min(i, x.count-1))
	if err != nil {
		return nil, err
	}
	s := &scan{x: x, end: end, next: i + 1, before: e, file: e.file}
	s.take(e)
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
		over := len(s.entries) > 0 && s.entries[0].file > at && s.entries[0].file < s.file
		if err != nil || over { // not ours, or zeros
			s.astray = len(s.entries) > 0 // else no entry tells better
			continue
		}
		if s.astray && at != s.current.file {
			continue
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
		if len(s.entries) == 0 {
			return nil
		}
		switch e := s.entries[0]; {
		case !e.firm(s.before):
			s.astray = true
		case e.file > s.file:
			return nil
		default:
			s.take(e)
		}
		s.before = s.entries[0]
		s.entries = s.entries[1:]
	}
}

// take makes an entry current.
func (s *scan) take(e entry) { s.current, s.offset, s.astray = e, e.offset, e.file < s.file }

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
