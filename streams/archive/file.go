package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// File is the archive of one instance. It is safe for concurrent use.
type File struct {
	dir    *Dir // set when made, never changed, like the fields up to the blank line
	path   string
	pid    int
	app    string  // of the process
	owner  string  // the process that it is an instance of
	writer *writer // nil for what an earlier daemon wrote

	reached [2]atomic.Int64 // end, for those who must not wait for mu

	mu       sync.Mutex // guards everything below
	meta     []byte
	segments []*segment // oldest first; the last may be being written
	end      [2]int64   // of what is on disk
	number   uint64     // of the last write that is on disk, or of the end
	ends     [2]uint64  // of the end of each stream; 0: it is not known to have one
}

// PID is the instance's.
func (f *File) PID() int { return f.pid }

// Meta is what Create was given; nothing if that was lost.
func (f *File) Meta() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.meta
}

// Stdout and Stderr are its streams, for streams.Options.Archive.
func (f *File) Stdout() streams.Archive { return stream{f, stdout} }
func (f *File) Stderr() streams.Archive { return stream{f, stderr} }

// stream is one stream of a File.
type stream struct {
	*File
	fd int
}

// Start is the oldest offset that is kept; it equals End when nothing is.
func (s stream) Start() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		if !seg.unread {
			return seg.start[s.fd-1]
		}
	}
	return s.end[s.fd-1]
}

// End is the offset behind the newest byte on disk. It does not wait for the disk.
func (s stream) End() int64 { return s.reached[s.fd-1].Load() }

// reach notes how much is on disk. f.mu must be held.
func (f *File) reach(end [2]int64) {
	f.end = end
	for i := range end {
		f.reached[i].Store(end[i])
	}
}

// Last is the end of the stream, or where that is not known the last write on disk of
// both streams, or the end of both.
func (s stream) Last() streams.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := streams.Mark{Offset: s.end[s.fd-1], Number: s.number}
	if n := s.ends[s.fd-1]; n > 0 {
		last.Number = n
	}
	if n := len(s.segments); n > 0 {
		last.UnixNano = s.segments[n-1].nano
	}
	return last
}

// Read returns what is kept from offset on, at most about 256 KiB of it. The
// Chunk tells of what is missing before it. ok is false when nothing is kept at
// offset or behind.
func (s stream) Read(offset int64) (c streams.Chunk, ok bool, err error) {
	s.mu.Lock()
	segments, end := slices.Clone(s.segments), s.end[s.fd-1]
	s.mu.Unlock()
	if offset >= end {
		return c, false, nil
	}
	i := sort.Search(len(segments), func(i int) bool { return segments[i].start[s.fd-1] > offset })
	for i = max(i-1, 0); i < len(segments); i++ {
		if segments[i].unread {
			continue
		}
		if c, ok, err = s.readSegment(segments[i], offset); ok || isShortage(err) {
			return c, ok, err
		}
	}
	return c, false, err
}

func (s stream) readSegment(seg *segment, offset int64) (c streams.Chunk, ok bool, err error) {
	log, x, size, err := s.open(seg)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil // old enough to be gone
	}
	if err != nil {
		return c, false, err
	}
	defer log.Close()
	defer x.f.Close()
	return read(counted{log, &s.dir.bytesRead}, x, size, s.fd, offset)
}

// How often, and how far apart, it is tried to open a segment when there are no
// descriptors, or no memory.
const (
	openTries = 20
	openPause = 100 * time.Millisecond
)

// open opens a segment for reading, of which size bytes count. In times of shortage it
// tries for a while: what is kept must not look as if it were missing.
func (s stream) open(seg *segment) (log *os.File, x *index, size int64, err error) {
	for try := 1; ; try++ {
		s.mu.Lock() // so that its name is not changed meanwhile
		log, x, err = seg.open(s.dir.root)
		size = seg.size
		s.mu.Unlock()
		if try == openTries || !isShortage(err) {
			return log, x, size, err
		}
		time.Sleep(openPause)
	}
}

// isShortage reports whether something may be there again a moment later.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// Search finds the first write for which after is true. It is not known when those were
// made that are no longer kept: if after is true for all that are, one of the others
// may have been the first.
func (s stream) Search(after func(streams.Mark) bool) (offset int64, ok bool) {
	s.mu.Lock()
	segments, end := slices.Clone(s.segments), s.end[s.fd-1]
	s.mu.Unlock()
	all := true
	for _, seg := range segments {
		if seg.unread {
			continue
		}
		at, whole, found, err := s.searchSegment(seg, after)
		if isShortage(err) {
			break // of the others too, and each would be waited for
		}
		all = all && (whole || err != nil)
		if err == nil && found && at < end {
			if all {
				at = 0
			}
			return at, true
		}
	}
	return 0, false
}

// searchSegment is Search in one segment. whole says that after is true for all that
// is in it.
func (s stream) searchSegment(seg *segment, after func(streams.Mark) bool) (offset int64, whole, ok bool, err error) {
	log, x, _, err := s.open(seg)
	if err != nil {
		return 0, false, false, err
	}
	defer log.Close()
	defer x.f.Close()
	// A write of either stream: where the other one is then is in the index too.
	i, err := x.search(func(e entry) bool {
		return after(streams.Mark{Offset: e.at(s.fd), UnixNano: e.nano, Number: e.number})
	})
	if err != nil || i == x.count {
		return 0, x.count == 0, false, err
	}
	es, err := x.entries(i, 1)
	if err != nil {
		return 0, false, false, err
	}
	return es[0].at(s.fd), i == 0, true, nil
}

// putAway gives the segment that is being written a number, if it has none: the
// next one takes its place. One that somebody has removed is forgotten. If it fails
// otherwise the segment stays as it was. So is done with one that was not known, in a
// folder that could not be read: nothing is written over.
func (f *File) putAway() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.segments)
	if n == 0 || f.segments[n-1].number > 0 {
		if info, err := f.dir.root.Lstat(f.path + ".log"); err != nil || info.IsDir() || info.Size() == 0 {
			return nil
		}
		unknown := &segment{name: f.path}
		unknown.leaveOut(f.dir.root, f.end)
		f.segments = append(f.segments, unknown)
		n++
	}
	number := 1
	if n > 1 {
		number = f.segments[n-2].number + 1
	}
	for f.taken(number) {
		number++
	}
	s := f.segments[n-1]
	err := s.rename(f.dir.root, f.numbered(number))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.segments = f.segments[:n-1]
	case err != nil:
		return err
	default:
		s.number = number
	}
	return nil
}

func (f *File) numbered(number int) string { return fmt.Sprintf("%s.%d", f.path, number) }

// taken reports whether there are files of a segment with a number. A folder of that
// name is none, and cannot be written over.
func (f *File) taken(number int) bool {
	for _, ending := range []string{".log", ".idx"} {
		if info, err := f.dir.root.Lstat(f.numbered(number) + ending); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}

// counted counts what is read from a log.
type counted struct {
	io.ReaderAt
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, offset)
	c.n.Add(int64(n))
	return n, err
}

var _ streams.Archive = stream{}
