package archive

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"time"
)

// maxOpen is how many instances keep their files open between two batches. With
// more, descriptors are dearer than opening files anew for each.
const maxOpen = 512

// lookAgain is how often it is checked whether a file that is open is still there.
const lookAgain = time.Second

// open opens the files of the segment, or makes those of a new one.
func (w *writer) open() error {
	switch {
	case w.segment == nil:
		return w.begin()
	case w.log == nil:
		if err := w.openFiles(w.segment, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	case !w.removed():
		return nil
	}
	w.lose()
	return w.begin()
}

// removed reports whether somebody has removed the log that is open, or moved it away:
// what is written there is not seen by anybody. It looks now and then.
func (w *writer) removed() bool {
	now := time.Now()
	if now.Sub(w.looked) < lookAgain {
		return false
	}
	w.looked = now
	open, err := w.log.Stat()
	if err != nil {
		return false // then it cannot be told
	}
	named, err := w.f.dir.root.Stat(w.segment.log())
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(open, named)
}

// lose notes that somebody has removed the segment. The batch will be the first of the
// next one.
func (w *writer) lose() {
	w.closeFiles()
	w.f.mu.Lock()
	w.f.segments = slices.DeleteFunc(w.f.segments, func(s *segment) bool { return s == w.segment })
	w.f.mu.Unlock()
	moveEntries(w.entries, -w.segment.size)
	w.segment = nil
}

// begin makes the files of a new segment.
func (w *writer) begin() error {
	if err := w.f.putAway(); err != nil { // what an earlier program was writing
		return err
	}
	root := w.f.dir.root
	if err := root.MkdirAll(path.Dir(w.f.path), 0o700); err != nil {
		return err
	}
	s := &segment{name: w.f.path, start: w.f.end, entries: math.MaxInt, nano: time.Now().UnixNano()}
	if err := w.openFiles(s, os.O_RDWR|os.O_CREATE|os.O_TRUNC); err != nil {
		return err
	}
	header := appendHeader(nil, w.f.Meta())
	if _, err := w.idx.WriteAt(header, 0); err != nil {
		w.closeFiles()
		return err
	}
	w.idxSize = int64(len(header))
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.segment = s
	w.f.segments = append(w.f.segments, s)
	return nil
}

// rotate ends the full segment. The next batch begins a new one.
func (w *writer) rotate() error {
	if err := w.f.putAway(); err != nil {
		return err
	}
	w.closeFiles()
	w.segment = nil
	w.f.dir.retain(w.f.owner, time.Now())
	return nil
}

func (w *writer) openFiles(s *segment, flags int) error {
	root := w.f.dir.root
	log, err := root.OpenFile(s.log(), flags, 0o600)
	if err != nil {
		return err
	}
	idx, err := root.OpenFile(s.idx(), flags, 0o600)
	if err != nil {
		log.Close()
		return err
	}
	w.log, w.idx, w.looked = log, idx, time.Now()
	w.f.dir.open++
	return nil
}

func (w *writer) closeFiles() {
	if w.log != nil {
		w.log.Close()
		w.idx.Close()
		w.log, w.idx = nil, nil
		w.f.dir.open--
	}
}

// close ends the writing, wherever it is.
func (w *writer) close() {
	w.closeFiles()
	for i := range w.taps {
		if w.taps[i] != nil {
			w.letGo(i)
		}
	}
}

// letGo ends the reading of a stream, whose bytes in memory nobody keeps any more.
func (w *writer) letGo(i int) {
	w.taps[i].Close()
	w.taps[i] = nil
}
