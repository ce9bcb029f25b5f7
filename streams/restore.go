package streams

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Restore reads what the Log's Backing holds, of a stream whose program has died.
// If the stream had ended, the Log is closed; else the writer goes on. If it cannot be
// read, the Log starts over as one without a Backing. Restore comes before anything else.
func (l *Log) Restore() error {
	l.mu.Lock()
	closed, err := l.restore()
	if err != nil {
		l.startOver()
	}
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

// startOver undoes what restore has done before it failed. l.mu must be held.
func (l *Log) startOver() {
	for _, b := range l.store.blocks {
		if b.place.mapped {
			unmap(b.data[:cap(b.data)])
		}
	}
	l.store = store{maxBlock: l.store.maxBlock}
	l.backing.close()
	l.backing, l.awaited = nil, 0
	l.startBehindArchive()
}

// Back gives the Log a Backing later than NewLog. Nothing may have been written
// by then.
func (l *Log) Back(b *Backing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backing = b
	l.count(0)
}

// restore reads what the Backing holds. The mark at the end, if there is one, is
// that of the stream's end. l.mu must be held.
func (l *Log) restore() (closed Mark, err error) {
	b, s := l.backing, &l.store
	r, err := b.replay()
	if err != nil {
		return Mark{}, err
	}
	l.changes.Add(1)
	if len(r.blocks) == 0 {
		l.sequence.Skip(r.number)
		return r.end, nil
	}
	s.lost = r.lost
	if err := l.remap(&r); err != nil {
		return Mark{}, err
	}
	l.sequence.Skip(r.number)
	if s.end > r.marked { // taken from the pipe, and then there was no time for a mark
		m, last := l.sequence.mark(r.marked), s.last()
		if b.reserve() == nil { // without it the bytes will get another number next time
			b.mark(m, s.end)
		}
		s.mark(last, m)
		r.end = Mark{}
	}
	s.number = max(s.number, r.number)
	for _, kept := range s.blocks {
		if n := len(kept.marks); n > 0 {
			s.number = kept.marks[n-1].Number
			if s.began.Number == 0 && s.lost.Number == 0 {
				s.began = kept.marks[0]
			}
		}
	}
	return r.end, nil
}

// remap gives the blocks that were not punched out their memory and their bytes,
// and makes the next reads go to the last of them. l.mu must be held.
func (l *Log) remap(r *replayed) error {
	b, s, blocks := l.backing, &l.store, r.blocks
	position, err := b.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	for i, kept := range blocks {
		if i+1 < len(blocks) {
			kept.length = int(blocks[i+1].start - kept.start)
		} else {
			kept.reach(position)
			if r.end.Number != 0 { // what came behind that is not the stream's
				kept.length = int(r.marked - kept.start)
			}
		}
		s.end = kept.end()
		if s.end <= b.start {
			s.lost = kept.last(s.lost)
			continue
		}
		if kept.length < 0 || kept.length > kept.size {
			return errDamaged
		}
		b.lend(&kept.block, kept.size)
		kept.data = kept.data[:kept.length]
		if !kept.place.mapped {
			if _, err := b.file.ReadAt(kept.data, kept.place.at); err != nil {
				return err
			}
		}
		s.push(&kept.block)
	}
	if last := s.last(); last != nil {
		b.file.Seek(last.place.at+int64(len(last.data)), io.SeekStart)
	}
	b.clear(s.blocks)
	return nil
}

// replayed is what the records of a Backing tell.
type replayed struct {
	blocks []*replayedBlock // oldest first; together they are one run of the stream
	number uint64           // the last that was given
	marked int64            // the end of what has a mark
	lost   Mark             // the last one that is of none of the blocks, as far as that is known
	end    Mark             // of the stream, if it had ended
}

// replayedBlock is a block before its memory is there.
type replayedBlock struct {
	block
	size, length int
}

func (b *replayedBlock) end() int64 { return b.start + int64(b.length) }

// last is the block's last mark, or before it the one before.
func (b *replayedBlock) last(before Mark) Mark {
	if n := len(b.marks); n > 0 {
		return b.marks[n-1]
	}
	return before
}

// reach makes the block end where the file's position is, which is elsewhere when
// its record is the last thing that was done.
func (b *replayedBlock) reach(position int64) {
	if n := position - b.place.at; n >= 0 && n <= int64(b.size) {
		b.length = int(n)
	}
}

// replay reads all records.
func (b *Backing) replay() (r replayed, err error) {
	for page := b.first; ; page++ {
		records, err := b.readPage(page)
		if err != nil {
			return r, err
		}
		for _, rec := range records {
			if !rec.sound() {
				return r, errDamaged
			}
			b.apply(&r, rec)
			b.count()
		}
		if len(records) < recordsIn(page) {
			return r, nil
		}
	}
}

var errDamaged = errors.New("its records do not add up")

// largestBlock is more than the size of any block, in all versions.
const largestBlock = 16 << 20

// sound reports whether a record can be one that was written.
func (r record) sound() bool {
	switch {
	case r.offset < 0:
		return false
	case r.kind != blockKind:
		return r.end >= r.offset
	case r.what == firstBlockAt:
		return 0 < r.end && r.end <= filePage/2
	}
	return 0 < r.end && r.end <= largestBlock && filePage <= r.what && r.what <= recordsBase-r.end
}

func (b *Backing) apply(r *replayed, rec record) {
	if rec.kind == blockKind {
		if rec.what != firstBlockAt {
			b.next = max(b.next, rec.what+rec.end+filePage)
		}
		// One that lay there before was dropped, and so were those before that one.
		again := slices.IndexFunc(r.blocks, func(old *replayedBlock) bool { return old.place.at == rec.what })
		if again >= 0 {
			r.lost = r.blocks[again].last(r.lost)
		}
		r.blocks = append(r.blocks[again+1:], &replayedBlock{
			block: block{start: rec.offset, place: place{at: rec.what, record: b.records}},
			size:  int(rec.end),
		})
		r.marked = max(r.marked, rec.offset)
		return
	}
	r.number = max(r.number, rec.kind)
	r.marked = max(r.marked, rec.end)
	m := Mark{rec.offset, rec.what, rec.kind}
	r.end = Mark{}
	if rec.offset == rec.end {
		r.end = m
	} else if n := len(r.blocks); n > 0 {
		r.blocks[n-1].marks = append(r.blocks[n-1].marks, m)
	} else {
		r.lost = m
	}
}

// clear punches out whatever is not of these blocks: what was dropped by a program that
// died before it could do so.
func (b *Backing) clear(kept []*block) {
	kept = slices.SortedFunc(slices.Values(kept), func(x, y *block) int { return cmp.Compare(x.place.at, y.place.at) })
	from := int64(0)
	for _, bl := range kept {
		if bl.place.at == firstBlockAt {
			break // the last one
		}
		b.punch(from, bl.place.at)
		from = bl.place.at + int64(cap(bl.data))
	}
	b.punch(from, recordsBase)
}
