package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// maxChunk is about how much of a stream is read at once.
const maxChunk = 256 << 10

// segment is one file of an instance's archive, and its index.
type segment struct {
	name    string    // path below the archive's root, without the ending
	number  int       // the first is 1; the one being written is 0
	start   [2]int64  // where it begins in stdout and stderr
	size    int64     // bytes of the file that count
	entries int       // of the index that count, at most
	nano    int64     // of its last record, or when it was made
	ends    [2]uint64 // of the instance, if it has ended there
	unread  bool      // it cannot be read: it is there to be removed in time
}

func (s *segment) log() string { return s.name + ".log" }
func (s *segment) idx() string { return s.name + ".idx" }

// open opens both files for reading. The caller closes them.
func (s *segment) open(root *os.Root) (log *os.File, x *index, err error) {
	log, err = root.Open(s.log())
	if err != nil {
		return nil, nil, err
	}
	f, err := root.Open(s.idx())
	if err == nil {
		if x, err = readIndex(f); err != nil {
			f.Close()
		} else {
			x.count = min(x.count, s.entries)
		}
	}
	if err != nil {
		log.Close()
		return nil, nil, err
	}
	return log, x, nil
}

// read returns what a segment, of which size bytes count, has of a stream from
// offset on, up to about maxChunk bytes that lie together. ok is false when it
// has nothing there.
func read(log io.ReaderAt, x *index, size int64, fd int, offset int64) (c streams.Chunk, ok bool, err error) {
	i, err := x.search(func(e entry) bool { return e.at(fd) > offset })
	if err != nil {
		return c, false, err
	}
	sc, err := newScan(log, x, max(i-1, 0), size)
	if err != nil {
		return c, false, err
	}
	c.Data = make([]byte, 0, min(maxChunk+maxText+1, size))
	for len(c.Data) < maxChunk {
		r, err := sc.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return c, false, err
		}
		if r.fd != fd || r.gap || r.offset+r.length() <= offset {
			continue
		}
		if len(c.Data) > 0 && r.offset != c.Offset+int64(len(c.Data)) {
			break // something is missing in between
		}
		add(&c, &r, offset)
	}
	return c, len(c.Data) > 0, nil
}

// add appends to c what r has from offset on.
func add(c *streams.Chunk, r *found, offset int64) {
	skip := max(0, offset-r.offset)
	if len(c.Data) == 0 {
		c.Offset = r.offset + skip
		c.Missed = c.Offset - offset
	}
	last := len(c.Marks) - 1
	if last < 0 || c.Marks[last].Number != r.number || c.Marks[last].UnixNano != r.nano {
		c.Marks = append(c.Marks, streams.Mark{Offset: r.offset, UnixNano: r.nano, Number: r.number})
	}
	if skip < int64(len(r.text)) {
		c.Data = append(c.Data, r.text[skip:]...)
	}
	if !r.partial {
		c.Data = append(c.Data, '\n')
	}
}

// leaveOut makes s one that cannot be read, behind what ends at end.
func (s *segment) leaveOut(root *os.Root, end [2]int64) {
	s.unread, s.start, s.size, s.nano = true, end, 0, time.Now().UnixNano()
	if info, err := root.Lstat(s.log()); err == nil {
		s.size, s.nano = info.Size(), info.ModTime().UnixNano()
	}
}

// rename gives both files another name, or neither. There may be no index.
func (s *segment) rename(root *os.Root, name string) error {
	old := *s
	s.name = name
	err := root.Rename(old.idx(), s.idx())
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		if err = root.Rename(old.log(), s.log()); err != nil {
			_ = root.Rename(s.idx(), old.idx()) // if that fails too, the next daemon goes on
		}
	}
	if err != nil {
		s.name = old.name
	}
	return err
}

// remove deletes both files; that one is gone already is fine.
func (s *segment) remove(root *os.Root) error {
	for _, name := range []string{s.log(), s.idx()} {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old log: %w", err)
		}
	}
	return nil
}
