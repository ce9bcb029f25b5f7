package archive

import (
	"errors"
	"fmt"
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

// place is what others tell of where a segment belongs.
type place struct {
	begin  [2]int64      // where the streams end before it
	known  bool          // that it begins there
	number uint64        // of the last write before it
	below  func() uint64 // the number of the first write behind it; 0 if there is none
	meta   []byte
}

// errEmpty is of a segment of which nothing has reached the disk.
var errEmpty = errors.New("nothing is in it")

// mend makes a segment whole that a daemon was writing to when it was killed, or the
// machine lost power: the half-written record at its end goes, and what the index does
// not know of is counted. It returns where the streams end and the last write's
// number, which its place tells if there is nothing in this one. What cannot be cut off
// does not count all the same.
func (s *segment) mend(root *os.Root, p place) (end [2]int64, number uint64, err error) {
	log, err := openToMend(root, s.log())
	if err != nil {
		return end, 0, err
	}
	defer log.Close()
	if s.size, err = wholeLines(log); err != nil {
		return end, 0, err
	}
	x, err := s.openIndex(root, p)
	if err != nil {
		return end, 0, err
	}
	defer x.f.Close()
	if x.count, err = x.sound(); err != nil {
		return end, 0, err
	}
	// What it knows of a record that is not there is of no use. The entry of the
	// end has none.
	x.count, err = x.search(func(e entry) bool { return e.file > s.size || e.file == s.size && e.fd != 0 })
	if err != nil {
		return end, 0, err
	}
	if x.count == 0 && s.size > 0 && !p.known {
		return end, 0, fmt.Errorf("%s: %w, and the log before it too", x.f.Name(), errLost)
	}
	_ = x.f.Truncate(x.first + int64(x.count)*entrySize)
	end, number, err = s.complete(log, x, p)
	s.entries = x.count
	if last, failed := x.entries(x.count-1, 1); failed == nil && len(last) > 0 { // none is in an index without any
		s.ends = last[0].ends
	}
	return end, number, err
}

// openIndex opens the index of a segment, or makes a new one, without entries, if it is
// lost. An index of which it cannot be told what it is stays as it is.
func (s *segment) openIndex(root *os.Root, p place) (*index, error) {
	f, err := openToMend(root, s.idx())
	if err == nil {
		var x *index
		if x, err = readIndex(f); err == nil {
			return x, nil
		}
		f.Close()
	}
	switch {
	case !errors.Is(err, errLost) && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case s.size == 0:
		return nil, errEmpty
	case !p.known:
		return nil, fmt.Errorf("%w, and the log before it too", err)
	}
	if f, err = root.OpenFile(s.idx(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	header := appendHeader(nil, p.meta)
	if _, err := f.WriteAt(header, 0); err != nil {
		f.Close()
		return nil, err
	}
	return &index{f: f, meta: p.meta, first: int64(len(header))}, nil
}

// complete gives entries to the records at the end that have none, after the
// machine has lost power, and reads where that is. Their numbers are lost. Those
// they get, from their own times, are behind all others of the daemon that wrote
// them, and before those of the next one; where a segment comes behind, they are before
// that one's.
func (s *segment) complete(log io.ReaderAt, x *index, p place) (end [2]int64, _ uint64, err error) {
	sc, err := newScan(log, x, max(x.count-1, 0), s.size)
	if err != nil {
		return end, 0, err
	}
	if x.count == 0 {
		sc.offset = p.begin
	}
	var lost []byte
	var last entry // that a record belongs to
	var below uint64
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
		if len(lost) == 0 {
			below = p.below()
		}
		number := max(last.number, p.number) + 1
		if below == 0 {
			number = max(number, uint64(r.nano))
		} else {
			number = max(last.number, min(number, below-1))
		}
		missing := r.missing()
		if missing > 0 {
			sc.offset[r.fd-1] += missing - r.length()
		}
		last = entry{file: r.file, number: number, nano: r.nano, offset: sc.offset, fd: uint32(r.fd), gap: missing > 0}
		if missing == 0 {
			last.offset[r.fd-1] -= r.length()
		}
		lost = last.appendTo(lost)
	}
	s.nano = max(s.nano, sc.current.nano)
	// If they cannot be written, their lines count as the last one's.
	_, err = x.f.WriteAt(lost, x.first+int64(x.count)*entrySize)
	switch {
	case err == nil:
		x.count += len(lost) / entrySize
	case x.count == 0 && p.begin != [2]int64{}:
		return end, 0, err // nothing would say where the segment begins
	default:
		_ = x.f.Truncate(x.first + int64(x.count)*entrySize)
	}
	return sc.offset, max(p.number, sc.current.number, last.number), nil
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
