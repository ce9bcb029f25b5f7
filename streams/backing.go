package streams

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"unsafe"
)

// Backing is a file in memory that holds what a Log keeps, for a program that
// goes on with the stream when this one dies. The bytes are moved there by
// splice(2), which counts them in one step by the file's position, so that nobody
// can die between the two; and readers are given the file's own pages, so that
// nothing is copied once more.
//
// The Log's blocks are runs of the file, in any order, with a page between any
// two, so that a position says in which of them it is. Far above them lie records
// of what was done, in the order in which it was done: where a block begins, and
// each read's mark. Records are put into mapped memory, which outlives the program
// like the rest. A block that nobody reads any more is used again or punched out,
// and so are the records before the oldest block. The last page says what was
// punched out, and how many readers there are.
//
// Many programs say a few lines and no more. So the first page of records has room
// for a small first block as well: such a stream takes one page, and one mapping.
//
// A Backing belongs to the one Log that it is given to, by NewLog's Options or Back, and
// to its writer. Its file is closed when the Log is discarded.
type Backing struct {
	file *os.File

	// Guarded by Log.mu.
	window   []byte // the part of the records that is mapped; nil: none
	windowAt int64  // the first record in it
	lent     bool   // the window is part of the first block's mapping
	records  int64  // how many were written
	pages    int64  // the pages of records before this one have memory
	next     int64  // where the next new block may lie
	first    int64  // the first page of records that is kept
	start    int64  // what ends up to there was punched out
	shared   bool   // the first page of records has a block in it
	told     uint64 // one more than there are readers; 0: nobody has said how many
	awaited  int    // how many there were in an earlier program
}

// place is where a block lies in the Backing.
type place struct {
	at     int64 // the position of its first byte; 0: it is on the heap alone
	record int64 // which one tells of it
	mapped bool  // its memory is the file's, not a copy on the heap
}

// The layout. Records do not cross pages, so that a page is all that has to be
// looked at.
const (
	filePage      = 4096
	recordBytes   = 4 * 8
	recordsInPage = filePage / recordBytes
	recordsBase   = int64(1) << 50
	firstBlockAt  = recordsBase + filePage/2 // of one that shares a page with records
	windowBytes   = 16 * filePage            // of records that are mapped at a time
	headerAt      = int64(1) << 60
	headerBytes   = 3 * 8
	fileSize      = headerAt + filePage // memory is only taken where something is
)

// blockKind is what a record that tells of a block has in the place of a number.
const blockKind = ^uint64(0)

// record is a mark with the end of its bytes, which for that of the stream's end
// is its offset, or says where a block begins.
type record struct {
	offset int64
	what   int64 // a mark's time; the position of a block
	kind   uint64
	end    int64 // the size of a block
}

// OpenBacking goes on with a file that NewBacking has made, in this program or
// in one that is gone.
func OpenBacking(f *os.File) (*Backing, error) {
	b := &Backing{file: f, next: filePage}
	var header [headerBytes]byte
	if _, err := f.ReadAt(header[:], headerAt); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	b.start = int64(binary.NativeEndian.Uint64(header[:]))
	b.first = int64(binary.NativeEndian.Uint64(header[8:]))
	b.told = binary.NativeEndian.Uint64(header[16:])
	b.awaited = 1 // an earlier version did not say, and waited for the first
	if b.told > 0 {
		b.awaited = int(b.told - 1)
	}
	b.records = b.first * recordsInPage
	return b, nil
}

// File is the file.
func (b *Backing) File() *os.File { return b.file }

// block makes a block that begins at offset start, for the next reads.
func (b *Backing) block(start int64, size int) *block {
	bl := &block{start: start}
	if b.records == 0 && size <= filePage/2 {
		bl.place.at, size = firstBlockAt, filePage/2
	} else {
		size = (size + filePage - 1) / filePage * filePage
		bl.place.at = b.next
		b.next += int64(size) + filePage
	}
	b.lend(bl, size)
	b.begin(bl)
	return bl
}

// lend gives a block its memory.
func (b *Backing) lend(bl *block, size int) {
	first := bl.place.at == firstBlockAt
	at, lead := bl.place.at, 0
	if first {
		b.shared = true
		at, lead = recordsBase, filePage/2 // the records before it
	}
	m := b.mapped(at, lead+size)
	if m == nil {
		bl.data = make([]byte, 0, size)
		return
	}
	bl.data = m[lead:lead]
	bl.place.mapped = true
	if first && b.window == nil {
		b.window, b.windowAt, b.lent = m[:lead], 0, true
	}
}

// begin makes the next reads go to a block, which is empty.
func (b *Backing) begin(bl *block) {
	bl.place.record = b.records
	b.write(record{bl.start, bl.place.at, blockKind, int64(cap(bl.data))})
	// A program that dies here leaves a position in no block, or in an older one.
	b.file.Seek(bl.place.at, io.SeekStart) // cannot fail
}

// mark writes the mark of what was read up to offset end, before anyone sees the
// bytes. That of the stream's end has no bytes.
func (b *Backing) mark(m Mark, end int64) {
	b.write(record{m.Offset, m.UnixNano, m.Number, end})
}

// write adds a record. Its kind comes last: without it there is none.
func (b *Backing) write(r record) {
	at := b.records
	b.count()
	if b.window == nil || at >= b.windowAt+int64(len(b.window)/recordBytes) {
		b.unmapWindow()
		b.windowAt = at / recordsInPage * recordsInPage
		b.window = b.mapped(recordsBase+b.windowAt*recordBytes, windowBytes)
	}
	if b.window == nil {
		var raw [recordBytes]byte
		for i, w := range []uint64{uint64(r.offset), uint64(r.what), r.kind, uint64(r.end)} {
			binary.NativeEndian.PutUint64(raw[i*8:], w)
		}
		b.file.WriteAt(raw[:], recordsBase+at*recordBytes) // without it the bytes will get another number
		return
	}
	raw := b.window[(at-b.windowAt)*recordBytes:][:recordBytes]
	binary.NativeEndian.PutUint64(raw, uint64(r.offset))
	binary.NativeEndian.PutUint64(raw[8:], uint64(r.what))
	binary.NativeEndian.PutUint64(raw[24:], uint64(r.end))
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&raw[16])), r.kind)
}

// count notes that there is one record more.
func (b *Backing) count() { b.records = after(b.records) }

// after is the place of the record that follows another.
func after(record int64) int64 {
	if record++; record == int64(recordsIn(0)) {
		return recordsInPage
	}
	return record
}

// reserve finds memory for the records of the next read: where a block begins, its mark,
// and that of the stream's end. To touch a mapped page that there is no memory for ends
// the program.
func (b *Backing) reserve() error {
	last := after(after(b.records)) / recordsInPage
	if last < b.pages {
		return nil
	}
	first := max(b.records/recordsInPage, b.pages)
	if err := b.allocate(recordsBase+first*filePage, recordsBase+(last+1)*filePage); err != nil {
		return err
	}
	b.pages = last + 1
	return nil
}

// recordsIn is how many records a page has room for.
func recordsIn(page int64) int {
	if page == 0 {
		return recordsInPage / 2
	}
	return recordsInPage
}

// close gives back what is needed to write. The blocks stay.
func (b *Backing) close() { b.unmapWindow() }

func (b *Backing) unmapWindow() {
	if b.window != nil && !b.lent {
		unmap(b.window)
	}
	b.window, b.lent = nil, false
}

// free gives back a block that nobody reads. Errors only cost memory.
func (b *Backing) free(bl *block) {
	if bl.place.at == 0 {
		return
	}
	size := int64(cap(bl.data))
	b.start = max(b.start, bl.end())
	b.writeHeader() // first, for what is punched out reads as zeros
	b.punch(bl.place.at, bl.place.at+size)
	if b.lent && bl.place.at == firstBlockAt {
		b.unmapWindow()
	}
	if bl.place.mapped {
		unmap(bl.data[:size])
	}
	bl.data = nil
	if bl.place.at == firstBlockAt {
		b.shared = false
		b.punchRecords(0, min(b.first, 1))
	}
}

// trim gives back the records before the oldest block but the last, which is of what
// was lost. Errors only cost memory.
func (b *Backing) trim(oldest *block) {
	page := max(oldest.place.record-1, 0) / recordsInPage
	if oldest.place.at == 0 || page <= b.first {
		return
	}
	from := b.first
	b.first = page
	b.writeHeader()
	if b.shared {
		from = max(from, 1)
	}
	b.punchRecords(from, page)
}

func (b *Backing) punchRecords(from, to int64) {
	b.punch(recordsBase+from*filePage, recordsBase+to*filePage)
}

func (b *Backing) writeHeader() {
	var header [headerBytes]byte
	binary.NativeEndian.PutUint64(header[:], uint64(b.start))
	binary.NativeEndian.PutUint64(header[8:], uint64(b.first))
	binary.NativeEndian.PutUint64(header[16:], b.told)
	b.file.WriteAt(header[:], headerAt)
}

// tell says how many readers there are, or with more only if that is more than
// was said before.
func (b *Backing) tell(readers int, more bool) {
	if told := uint64(readers) + 1; told > b.told || told < b.told && !more {
		b.told = told
		b.writeHeader()
	}
}

// readPage reads the records of a page.
func (b *Backing) readPage(page int64) (records []record, err error) {
	var buf [filePage]byte
	if _, err := b.file.ReadAt(buf[:], recordsBase+page*filePage); err != nil {
		return nil, err
	}
	for i := 0; i < recordsIn(page)*recordBytes; i += recordBytes {
		word := func(at int) uint64 { return binary.NativeEndian.Uint64(buf[i+8*at:]) }
		if word(2) == 0 {
			break
		}
		records = append(records, record{int64(word(0)), int64(word(1)), word(2), int64(word(3))})
	}
	return records, nil
}
