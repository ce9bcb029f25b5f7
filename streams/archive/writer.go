package archive

import (
	"bytes"
	"io"
	"os"
	"time"

	"github.com/gafferd/gaffer/streams"
)

const (
	// batchSize is about how many bytes are written at once.
	batchSize = 256 << 10

	// holdLine is how long an unfinished line waits for its end.
	holdLine = time.Second
)

// writer writes the archive of one instance that runs. It belongs to the Dir's
// goroutine.
type writer struct {
	f     *File
	logs  [2]*streams.Log    // stdout and stderr; nil: not redirected
	taps  [2]*streams.Cursor // nil too when all is on disk
	chunk [2]streams.Chunk   // what is left of the last one read
	held  [2]held

	log, idx *os.File  // nil: not open
	looked   time.Time // when they were last seen to be there
	segment  *segment
	idxSize  int64

	failed error     // why what there is could not be written; nil: it was
	again  time.Time // when to try again, then

	batch
	ends   [2]uint64 // the numbers of the streams' ends, once they have come
	offset [2]int64  // behind the batch
	number uint64    // of the last write in it
	nano   int64
	stamp  stamp
}

// batch is what is not on disk yet. Writers take turns with the memory of one, so
// that those of quiet instances hold none.
type batch struct{ lines, entries []byte }

func (b *batch) reset() { b.lines, b.entries = b.lines[:0], b.entries[:0] }

// borrow takes the memory of spare, unless b has some.
func (b *batch) borrow(spare *batch) {
	if b.lines == nil {
		*b, *spare = *spare, batch{}
	}
}

// giveBack returns that memory to spare, unless there is something in b still.
func (b *batch) giveBack(spare *batch) {
	if len(b.entries) == 0 {
		*b, *spare = batch{}, *b
	}
}

// held is the beginning of a line whose end has not come. No CR is in it.
type held struct {
	text  []byte
	nano  int64 // when its first byte was read from the process
	since time.Time
}

// pump writes what there is up to the write with the number upTo: all writes up
// to that one can be seen by now. It reports how many bytes that were, and
// whether the instance is at its end and all of it is on disk.
func (w *writer) pump(now time.Time, upTo uint64) (moved int, ended bool, err error) {
	if err := w.flush(); err != nil { // of a batch that failed before
		return 0, false, err
	}
	w.batch.borrow(&w.f.dir.spare)
	defer w.batch.giveBack(&w.f.dir.spare)
	for {
		fd, n := w.first(upTo)
		if fd == 0 {
			break
		}
		w.add(fd, n, now)
		moved += n
		if int64(len(w.lines)) >= min(batchSize, w.f.dir.limits.Segment) {
			if err := w.flush(); err != nil {
				return moved, false, err
			}
		}
	}
	ended = w.over(0) && w.over(1)
	w.release(now, ended)
	if ended {
		w.number = max(w.number, w.ends[0], w.ends[1])
	}
	if ended && w.offset != [2]int64{} {
		w.enter(entry{number: w.number, nano: now.UnixNano(), ends: w.ends})
	}
	if err := w.flush(); err != nil {
		return moved, false, err
	}
	for i := range w.taps {
		if w.taps[i] != nil && w.over(i) && len(w.held[i].text) == 0 {
			w.letGo(i)
		}
	}
	if ended {
		w.close()
		w.f.mu.Lock()
		w.f.ends = w.ends
		w.f.mu.Unlock()
	}
	return moved, ended, nil
}

// first finds the fd whose next write is the older one, and how many bytes of
// that are in hand. fd is 0 when there is none.
func (w *writer) first(upTo uint64) (fd, n int) {
	least := upTo
	for i := range w.taps {
		c := &w.chunk[i]
		if len(c.Data) == 0 {
			w.next(i)
		}
		if len(c.Data) == 0 || c.Marks[0].Number > least {
			continue
		}
		fd, n, least = i+1, len(c.Data), c.Marks[0].Number
		if len(c.Marks) > 1 {
			n = int(c.Marks[1].Offset - c.Offset)
		}
	}
	return fd, n
}

// next reads on in a stream, without waiting.
func (w *writer) next(i int) {
	if w.over(i) {
		return
	}
	c, err := w.taps[i].Poll()
	switch {
	case err == io.EOF:
		w.ends[i] = w.logs[i].Number()
	case err == nil:
		w.chunk[i] = c
		if c.Missed > 0 {
			w.gap(i+1, c.Missed)
		}
	}
}

// over reports whether nothing more is to be read of a stream.
func (w *writer) over(i int) bool { return w.taps[i] == nil || w.ends[i] > 0 }

// add takes n bytes of one write of the process into the batch.
func (w *writer) add(fd, n int, now time.Time) {
	c, h := &w.chunk[fd-1], &w.held[fd-1]
	mark, data := c.Marks[0], c.Data[:n]
	c.Data = c.Data[n:]
	c.Offset += int64(n)
	if len(c.Marks) > 1 && c.Marks[1].Offset <= c.Offset {
		c.Marks = c.Marks[1:]
	}
	w.number, w.nano = mark.Number, mark.UnixNano
	first := true
	for len(data) > 0 {
		if len(h.text) == 0 {
			h.nano, h.since = mark.UnixNano, now
		}
		end := bytes.IndexByte(data, '\n')
		text := data
		if end >= 0 {
			text = data[:end]
		}
		if room := maxText - len(h.text); len(text) > room {
			text, end = text[:room], -1
		} else if end < 0 && len(text) < room {
			// Lines that end in CR go with their write, not with the one of the next LF.
			cr := bytes.LastIndexByte(text, '\r')
			if cr < 0 {
				h.text = append(h.text, text...)
				return
			}
			text = text[:cr+1]
		}
		if first {
			w.enter(entry{number: mark.Number, nano: mark.UnixNano, fd: uint32(fd)})
			first = false
		}
		data = data[len(text):]
		if end >= 0 {
			data = data[1:]
		}
		if len(h.text) > 0 {
			h.text = append(h.text, text...)
			text = h.text
		}
		w.emit(&record{nano: h.nano, fd: fd, partial: end < 0, text: text})
		h.text = h.text[:0]
	}
}

// gap makes a remark on n bytes that are missing, behind what has come so far.
func (w *writer) gap(fd int, n int64) {
	w.let(fd)
	w.miss(fd, n)
}

func (w *writer) miss(fd int, n int64) {
	w.offset[fd-1] += n
	w.enter(entry{number: w.number, nano: w.nano, fd: uint32(fd), gap: true})
	r := record{nano: time.Now().UnixNano(), fd: fd, text: []byte(remark(fd, n))}
	w.lines = r.appendTo(w.lines, &w.stamp)
}

// release writes the beginnings of lines that have waited long enough.
func (w *writer) release(now time.Time, all bool) {
	for i := range w.held {
		if h := &w.held[i]; len(h.text) > 0 && (all || now.Sub(h.since) >= holdLine) {
			w.let(i + 1)
		}
	}
}

// let writes the beginning of a line.
func (w *writer) let(fd int) {
	h := &w.held[fd-1]
	if len(h.text) == 0 {
		return
	}
	w.enter(entry{number: w.number, nano: w.nano, fd: uint32(fd)})
	w.emit(&record{nano: h.nano, fd: fd, partial: true, text: h.text})
	h.text = h.text[:0]
}

// waiting reports whether the beginning of a line waits for its end.
func (w *writer) waiting() bool { return len(w.held[0].text)+len(w.held[1].text) > 0 }

// enter adds an index entry for the record that comes next.
func (w *writer) enter(e entry) {
	e.offset = w.offset
	e.file = int64(len(w.lines))
	if w.segment != nil {
		e.file += w.segment.size
	}
	w.entries = e.appendTo(w.entries)
}

func (w *writer) emit(r *record) {
	w.lines = r.appendTo(w.lines, &w.stamp)
	w.offset[r.fd-1] += r.length()
}

// flush puts the batch on disk. If that fails nothing of it counts, and the next
// flush tries again.
func (w *writer) flush() error {
	if w.full() { // it could not be rotated the last time
		if err := w.rotate(); err != nil {
			return err
		}
	}
	if len(w.entries) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	// The index first: a daemon that is killed in between leaves entries too
	// many, which the next one drops, but no line without its number.
	if _, err := w.idx.WriteAt(w.entries, w.idxSize); err != nil {
		return err
	}
	if _, err := w.log.WriteAt(w.lines, w.segment.size); err != nil {
		w.log.Truncate(w.segment.size) // if that fails too, the next daemon mends it
		return err
	}
	w.idxSize += int64(len(w.entries))
	w.f.mu.Lock()
	w.segment.size += int64(len(w.lines))
	w.segment.nano = max(w.segment.nano, w.nano)
	w.f.reach(w.offset)
	w.f.number = w.number
	w.f.mu.Unlock()
	w.batch.reset()
	switch {
	case w.full():
		return w.rotate()
	case w.f.dir.open > maxOpen:
		w.closeFiles()
	}
	return nil
}

func (w *writer) full() bool { return w.segment != nil && w.segment.size >= w.f.dir.limits.Segment }
