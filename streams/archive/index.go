package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// An index begins with a line of its own, then a length and as many bytes that
// are the caller's, then entries of one size.
const (
	indexMagic = "gaffer index 1\n"
	entrySize  = 48
	maxMeta    = 64 << 10
)

// entry says where in the file the output of one write of the process begins, and how
// far each stream had come there.
type entry struct {
	file   int64    // offset of a record in the file
	number uint64   // of the write
	nano   int64    // when it was read
	offset [2]int64 // of stdout and stderr, where the record begins
	fd     uint32   // whose record it is; 0: there is none, it is the end
	gap    bool     // the record is a remark on what is missing, not output

	// In the entry of the end, the number of each stream's end, of which the entry's own
	// is the greater. 0: that is not known.
	ends [2]uint64
}

func (e *entry) at(fd int) int64 { return e.offset[fd-1] }

func (e *entry) appendTo(b []byte) []byte {
	flags := uint64(e.fd)
	if e.gap {
		flags |= gapFlag
	}
	if e.fd == 0 {
		flags |= packEnds(e.ends)
	}
	for _, v := range [...]uint64{uint64(e.file), e.number, uint64(e.nano), uint64(e.offset[0]), uint64(e.offset[1]), flags} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// moveEntries changes where in the file the records of entries begin.
func moveEntries(entries []byte, by int64) {
	for ; len(entries) > 0; entries = entries[entrySize:] {
		binary.LittleEndian.PutUint64(entries, binary.LittleEndian.Uint64(entries)+uint64(by))
	}
}

func parseEntry(b []byte) (e entry) {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	e.file, e.number, e.nano = int64(word(0)), word(1), int64(word(2))
	e.offset = [2]int64{int64(word(3)), int64(word(4))}
	e.fd, e.gap = uint32(word(5)), word(5)&gapFlag != 0
	if e.fd != 1 && e.fd != 2 { // of the end, or not by us
		e.fd, e.gap = 0, false
		e.ends = unpackEnds(word(5), e.number)
	}
	return e
}

// The flags of an entry, behind the fd. That of the end has which stream ended first,
// and by how much its number is less than the other's.
const (
	gapFlag     = 1 << 32
	endsFlag    = 1 << 33
	stderrFirst = 1 << 34
	lessShift   = 35
)

func packEnds(ends [2]uint64) uint64 {
	flags, less := uint64(endsFlag), ends[1]-ends[0]
	if ends[1] < ends[0] {
		flags, less = flags|stderrFirst, ends[0]-ends[1]
	}
	if ends[0] == 0 || ends[1] == 0 || less >= 1<<(64-lessShift) {
		return 0
	}
	return flags | less<<lessShift
}

func unpackEnds(flags, number uint64) (ends [2]uint64) {
	less := flags >> lessShift
	switch {
	case flags&endsFlag == 0 || less >= number:
	case flags&stderrFirst != 0:
		ends = [2]uint64{number, number - less}
	default:
		ends = [2]uint64{number - less, number}
	}
	return ends
}

func appendHeader(b, meta []byte) []byte {
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(meta)))
	return append(b, meta...)
}

// index is an open index.
type index struct {
	f     *os.File
	meta  []byte
	first int64 // where the entries begin
	count int   // of entries
}

// Errors of readIndex: of what is another program's, or another version's, and of what
// has not reached the disk when the machine lost power.
var (
	errIndex = errors.New("not a log index")
	errLost  = errors.New("the index of the log is lost")
)

// readIndex reads the head of an index. What is behind its last whole entry
// does not count.
func readIndex(f *os.File) (*index, error) {
	head := make([]byte, len(indexMagic)+4)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, 1<<20), head)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && bytes.Count(head, []byte{0}) == len(head):
		return nil, fmt.Errorf("%s: %w", f.Name(), errLost)
	case err != nil:
		return nil, err
	case string(head[:len(indexMagic)]) != indexMagic:
		return nil, fmt.Errorf("%s: %w", f.Name(), errIndex)
	}
	size := binary.LittleEndian.Uint32(head[len(indexMagic):])
	if size > maxMeta {
		return nil, fmt.Errorf("%s: %w", f.Name(), errIndex)
	}
	x := &index{f: f, meta: make([]byte, size), first: int64(len(head)) + int64(size)}
	if _, err := f.ReadAt(x.meta, int64(len(head))); err != nil && size > 0 {
		if err == io.EOF {
			err = fmt.Errorf("%s: %w", f.Name(), errLost)
		}
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x.count = int(max(0, info.Size()-x.first) / entrySize)
	return x, nil
}

// entries reads up to n entries from the i-th on; none if there is no i-th.
func (x *index) entries(i, n int) ([]entry, error) {
	n = min(n, x.count-i)
	if n <= 0 || i < 0 {
		return nil, nil
	}
	b := make([]byte, n*entrySize)
	if _, err := x.f.ReadAt(b, x.first+int64(i)*entrySize); err != nil {
		return nil, err
	}
	es := make([]entry, n)
	for k := range es {
		es[k] = parseEntry(b[k*entrySize:])
	}
	return es, nil
}

// tailEntries is how many entries at the end are looked at, at least, for what the disk
// may have lost.
const tailEntries = 4096

// sound is how many entries there are before one that was not written so: zeros, most
// often, where the machine has lost power before all was on disk. To look at all of
// them would take a daemon with many logs too long.
func (x *index) sound() (int, error) {
	for n := tailEntries; ; n *= 8 {
		from := max(0, x.count-n)
		es, err := x.entries(from, x.count-from)
		if err != nil {
			return 0, err
		}
		good := 0
		for good < len(es) && es[good].sound() && (good == 0 || es[good].follows(es[good-1])) {
			good++
		}
		if good > 0 || from == 0 {
			return from + good, nil
		}
	}
}

// sound reports whether e can be an entry. Only a remark comes before any write.
func (e entry) sound() bool { return e.number > 0 || e.gap }

// follows reports whether e can stand behind before.
func (e entry) follows(before entry) bool {
	return e.file > before.file && e.offset[0] >= before.offset[0] && e.offset[1] >= before.offset[1]
}

// firm reports whether e, which stands behind before, is as it was written: of one on the
// border of zeros a part may be lost.
func (e entry) firm(before entry) bool { return before.sound() && e.sound() && e.follows(before) }

// search returns the number of the first entry for which behind is true; it is
// true for all that follow.
func (x *index) search(behind func(entry) bool) (int, error) {
	var err error
	i := sort.Search(x.count, func(i int) bool {
		i, e, failed := x.upTo(i)
		if failed != nil {
			err = failed
			return true
		}
		return i >= 0 && behind(e)
	})
	return i, err
}

// upTo is the last entry up to the i-th that is firm, and its number: -1 if there is none.
func (x *index) upTo(i int) (int, entry, error) {
	for n := 1; i >= 0; n = lookahead {
		from := max(0, i-n) // with the one before
		es, err := x.entries(from, i+1-from)
		if err != nil {
			return -1, entry{}, err
		}
		for k := len(es) - 1; k > 0; k-- {
			if es[k].firm(es[k-1]) {
				return from + k, es[k], nil
			}
		}
		if from == 0 {
			if len(es) > 0 && es[0].sound() {
				return 0, es[0], nil
			}
			break
		}
		i = from
	}
	return -1, entry{}, nil
}

// begin is the first entry that is firm; ok is false if there is none.
func (x *index) begin() (e entry, ok bool, err error) {
	var before entry
	for i := 0; ; i += lookahead {
		es, err := x.entries(i, lookahead)
		if err != nil || len(es) == 0 {
			return entry{}, false, err
		}
		for k, e := range es {
			if i+k == 0 && e.sound() || e.firm(before) {
				return e, true, nil
			}
			before = e
		}
	}
}
