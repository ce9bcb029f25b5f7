package archive

import (
	"io"
	"os"
)

// mend makes a segment whole that a daemon was writing to when it was killed: the
// half-written record at its end goes, and what the index does not know of yet is
// counted. It returns where the streams end and the last write's number. It is told
// both of the segment before, since there may be nothing in this one.
func (s *segment) mend(root *os.Root, before [2]int64, last uint64) (end [2]int64, number uint64, err error) {
	log, err := root.OpenFile(s.log(), os.O_RDWR, 0)
	if err != nil {
		return end, 0, err
	}
	defer log.Close()
	if s.size, err = wholeLines(log); err != nil {
		return end, 0, err
	}
	f, err := root.OpenFile(s.idx(), os.O_RDWR, 0)
	if err != nil {
		return end, 0, err
	}
	defer f.Close()
	x, err := readIndex(f)
	if err != nil {
		return end, 0, err
	}
	// What it knows of a record that is not there is of no use. The entry of the
	// end has none.
	x.count, err = x.search(func(e entry) bool { return e.file > s.size || e.file == s.size && e.fd != 0 })
	if err != nil {
		return end, 0, err
	}
	if err := f.Truncate(x.first + int64(x.count)*entrySize); err != nil {
		return end, 0, err
	}
	return s.complete(log, x, before, last)
}

// complete gives entries to the records at the end that have none, after the
// machine has lost power, and reads where that is. Their numbers are lost; those
// they get, from their own times, are behind all others of the daemon that wrote
// them, and before those of the next one.
func (s *segment) complete(log io.ReaderAt, x *index, before [2]int64, number uint64) (end [2]int64, _ uint64, err error) {
	sc, err := newScan(log, x, max(x.count-1, 0), s.size)
	if err != nil {
		return end, 0, err
	}
	if x.count == 0 {
		sc.offset = before
	}
	var lost []byte
	var last entry // that a record belongs to
	for {
		r, err := sc.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return end, 0, err
		}
		s.nano = r.nano
		if sc.current.file >= last.file {
			last = sc.current
		}
		if r.file == last.file && last.fd != 0 || r.nano == last.nano && r.fd == int(last.fd) {
			continue // of the same write
		}
		last = entry{file: r.file, number: max(last.number+1, uint64(r.nano)), nano: r.nano, offset: sc.offset, fd: uint32(r.fd)}
		last.offset[r.fd-1] -= r.length()
		lost = last.appendTo(lost)
	}
	s.nano = max(s.nano, sc.current.nano)
	// If there is no room for them, their lines count as the last one's.
	if _, err := x.f.WriteAt(lost, x.first+int64(x.count)*entrySize); err != nil {
		x.f.Truncate(x.first + int64(x.count)*entrySize)
	}
	return sc.offset, max(number, sc.current.number, last.number), nil
}

// wholeLines cuts off what is behind the last line's end, and returns the size.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], size-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				size -= n - 1 - i
				return size, truncate(f, size, info.Size())
			}
		}
		size -= n
	}
	return 0, truncate(f, 0, info.Size())
}

func truncate(f *os.File, to, from int64) error {
	if to == from {
		return nil
	}
	return f.Truncate(to)
}
