package archive

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// openToMend opens a file, for reading alone where it cannot be written: on a disk
// that is read-only, or if it is somebody else's.
func openToMend(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its other end
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		f, err = root.Open(name)
	}
	return f, err
}

// mend makes a segment whole that a daemon was writing to when it was killed:
// the half-written record at its end goes, and what the index does not know of
// yet is counted. It returns where the streams end and the last write's number. It is
// told both of the segment before, since there may be nothing in this one. What cannot be
// cut off does not count all the same.
func (s *segment) mend(root *os.Root, before [2]int64, last uint64) (end [2]int64, number uint64, err error) {
	log, err := openToMend(root, s.log())
	if err != nil {
		return end, 0, err
	}
	defer log.Close()
	if s.size, err = wholeLines(log); err != nil {
		return end, 0, err
	}
	f, err := openToMend(root, s.idx())
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
	_ = f.Truncate(x.first + int64(x.count)*entrySize)
	end, number, err = s.complete(log, x, before, last)
	s.entries = x.count
	return end, number, err
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
	// If they cannot be written, their lines count as the last one's.
	_, err = x.f.WriteAt(lost, x.first+int64(x.count)*entrySize)
	switch {
	case err == nil:
		x.count += len(lost) / entrySize
	case x.count == 0 && before != [2]int64{}:
		return end, 0, err // nothing would say where the segment begins
	default:
		_ = x.f.Truncate(x.first + int64(x.count)*entrySize)
	}
	return sc.offset, max(number, sc.current.number, last.number), nil
}

// wholeLines cuts off what is behind the last line's end, if it can, and returns the
// size up to there.
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
				truncate(f, size, info.Size())
				return size, nil
			}
		}
		size -= n
	}
	truncate(f, 0, info.Size())
	return 0, nil
}

func truncate(f *os.File, to, from int64) {
	if to != from {
		_ = f.Truncate(to)
	}
}
