package streams

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Backing is a file in memory that holds what a Log keeps, for a program that
// goes on with the stream when this one dies. The file's position, which both
// share, is the stream's end: the bytes are moved by splice(2) and counted in one
// step, so that nobody can die between the two.
//
// Bytes lie at their offset. Marks lie above all of them, in pages, and above
// those the place where both begin. What is no longer kept is punched out.
//
// A Backing belongs to the one Log that it is given to, by NewLog's Options, and
// to its writer. It is not closed by them.
type Backing struct {
	file *os.File

	end   int64  // the position; the writer's alone, all below is guarded by Log.mu
	marks int64  // how many were written
	buf   []byte // for one mark

	first int64 // the first page of marks that is kept
	start int64 // what is before was punched out
}

// The layout. Marks do not cross pages, so that a page is all that has to be
// looked at.
const (
	markBytes    = 4 * 8 // offset, time, number, end
	marksPage    = 4096
	marksInPage  = marksPage / markBytes
	marksBase    = int64(1) << 50
	headerBase   = int64(1) << 60
	punchPiece   = 256 << 10 // data is punched out in pieces of that size
	restorePiece = 64 << 10
)

// OpenBacking goes on with a file that NewBacking has made, in this program or
// in one that is gone.
func OpenBacking(f *os.File) (*Backing, error) {
	b := &Backing{file: f}
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	b.end = end
	var header [16]byte
	switch _, err := f.ReadAt(header[:], headerBase); {
	case errors.Is(err, io.EOF): // nothing was ever punched out
	case err != nil:
		return nil, err
	default:
		b.start = int64(binary.LittleEndian.Uint64(header[:]))
		b.first = int64(binary.LittleEndian.Uint64(header[8:]))
	}
	return b, nil
}

// File is the file.
func (b *Backing) File() *os.File { return b.file }

// mark writes the mark of what was read up to offset end, before anyone sees the
// bytes. That of the stream's end has no bytes.
func (b *Backing) mark(m Mark, end int64) {
	b.buf = binary.LittleEndian.AppendUint64(b.buf[:0], uint64(m.Offset))
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(m.UnixNano))
	b.buf = binary.LittleEndian.AppendUint64(b.buf, m.Number)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(end))
	b.file.WriteAt(b.buf, markAt(b.marks)) // without it the bytes will get another number
	b.marks++
}

func markAt(i int64) int64 { return marksBase + i/marksInPage*marksPage + i%marksInPage*markBytes }

// keptMark is a mark with the end of its bytes.
type keptMark struct {
	Mark
	end int64
}

// readPage reads the marks of a page.
func (b *Backing) readPage(page int64) (marks []keptMark, err error) {
	var buf [marksPage]byte
	n, err := b.file.ReadAt(buf[:], marksBase+page*marksPage)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for i := 0; i+markBytes <= n; i += markBytes {
		word := func(at int) uint64 { return binary.LittleEndian.Uint64(buf[i+8*at:]) }
		if word(2) == 0 {
			break
		}
		marks = append(marks, keptMark{Mark{int64(word(0)), int64(word(1)), word(2)}, int64(word(3))})
	}
	return marks, nil
}

// trim gives back what is before start. Errors only cost memory.
func (b *Backing) trim(start int64) {
	if start-b.start < punchPiece {
		return
	}
	from := b.start / marksPage * marksPage
	b.start = start
	first := b.first
	for ; (first+1)*marksInPage < b.marks; first++ {
		page, err := b.readPage(first)
		if err != nil || len(page) > 0 && page[len(page)-1].Offset >= start {
			break // the last one may cover start
		}
	}
	var header [16]byte
	binary.LittleEndian.PutUint64(header[:], uint64(start))
	binary.LittleEndian.PutUint64(header[8:], uint64(max(first-1, b.first)))
	if _, err := b.file.WriteAt(header[:], headerBase); err != nil {
		return
	}
	b.punch(from, start/marksPage*marksPage)
	if first-1 > b.first {
		b.punch(marksBase+b.first*marksPage, marksBase+(first-1)*marksPage)
		b.first = first - 1
	}
}

// Restore reads what the Log's Backing holds, of a stream whose program has died.
// If the stream had ended, the Log is closed; else the writer goes on. Restore
// comes before anything else.
func (l *Log) Restore() error {
	l.mu.Lock()
	closed, err := l.restore()
	freed := l.settle()
	l.mu.Unlock()
	l.memory.account(-freed)
	if err != nil {
		return fmt.Errorf("restore a stream: %w", err)
	}
	if closed.Number != 0 {
		l.end(closed)
	}
	return nil
}

// Back gives the Log a Backing later than NewLog. Nothing may have been written
// by then.
func (l *Log) Back(b *Backing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backing = b
}

// restore reads what the Backing holds. The mark at the end, if there is one, is
// that of the stream's end. l.mu must be held.
func (l *Log) restore() (closed Mark, err error) {
	b := l.backing
	var marks []keptMark
	b.marks = b.first * marksInPage
	for page := b.first; ; page++ {
		more, err := b.readPage(page)
		if err != nil {
			return Mark{}, err
		}
		b.marks += int64(len(more))
		marks = append(marks, more...)
		if len(more) < marksInPage {
			break
		}
	}
	from := max(b.start, b.end-l.maxWindow)
	l.store.end = from
	for _, m := range marks {
		l.sequence.Skip(m.Number)
		if m.Offset == b.end && m.end == b.end {
			closed = m.Mark
		}
		if err := l.recover(m); err != nil {
			return Mark{}, err
		}
	}
	if at := l.store.end; at < b.end { // taken from the pipe, and then there was no time for a mark
		m := keptMark{l.sequence.mark(at), b.end}
		b.mark(m.Mark, m.end)
		return Mark{}, l.recover(m)
	}
	return closed, nil
}

// recover adds the bytes of a mark that are not there yet.
func (l *Log) recover(m keptMark) error {
	for at := l.store.end; at < min(m.end, l.backing.end); at = l.store.end {
		piece := make([]byte, min(m.end-at, restorePiece))
		if _, err := l.backing.file.ReadAt(piece, at); err != nil {
			return err
		}
		l.store.add(piece, m.Mark)
	}
	return nil
}
