package archive

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load finds what earlier daemons wrote.
func (d *Dir) load() error {
	byPath := make(map[string]*File)
	err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && (e == nil || isShortage(err)):
			return err
		case err != nil:
			d.leaveOut(err)
			return nil
		case e.IsDir():
			return nil
		}
		app, process, pid, number, ok := split(name)
		if !ok {
			return nil // not ours
		}
		key := path.Join(app, process, strconv.Itoa(pid))
		f := byPath[key]
		if f == nil {
			f = &File{dir: d, app: app, owner: process, pid: pid, path: key}
			byPath[key] = f
		}
		if !slices.ContainsFunc(f.segments, func(s *segment) bool { return s.number == number }) {
			f.segments = append(f.segments, &segment{name: strings.TrimSuffix(name, path.Ext(name)), number: number, entries: math.MaxInt})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range byPath {
		if err := d.adopt(f); err != nil {
			return err
		}
	}
	now := time.Now()
	for process, files := range d.files {
		slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(a.pid, b.pid) })
		d.retain(process, now)
	}
	return nil
}

// split takes a path apart: app/process/7.log, or app/process/7.2.log for the
// second full segment.
func split(name string) (app, process string, pid, number int, ok bool) {
	dir, file := path.Split(name)
	parts := strings.Split(strings.TrimSuffix(dir, "/"), "/")
	ext := path.Ext(file)
	if len(parts) != 2 || ext != ".log" && ext != ".idx" {
		return "", "", 0, 0, false
	}
	head, tail, numbered := strings.Cut(strings.TrimSuffix(file, ext), ".")
	pid, err := strconv.Atoi(head)
	if err == nil && numbered {
		number, err = strconv.Atoi(tail)
	}
	return parts[0], parts[1], pid, number, err == nil && pid > 0 && number >= 0
}

// leaveOut makes known that something is left on disk and not shown.
func (d *Dir) leaveOut(err error) {
	if d.options.LeftOut != nil {
		d.options.LeftOut(err)
	}
}

// adopt makes a File of what was found, mended where it ends. What is damaged
// beyond that, or cannot be opened, is left out: it has its place in the File, so that
// nothing is written over it and it is removed in time. An error says that it may
// be possible a moment later.
func (d *Dir) adopt(f *File) error {
	slices.SortFunc(f.segments, func(a, b *segment) int { return cmp.Compare(order(a), order(b)) })
	var kept []*segment
	var before *segment // the one before, whatever has become of it
	for i, s := range f.segments {
		d.finishRename(f, s)
		p := place{
			begin: f.end, number: f.number, meta: f.meta, known: s.followsOn(before),
			below: func() uint64 { return d.firstNumber(f.segments[i+1:]) },
		}
		before = s
		end, number, err := s.mend(d.root, p)
		if err == nil {
			err = s.begin(d, f)
		}
		switch {
		case isShortage(err):
			return err
		case errors.Is(err, fs.ErrNotExist) && !d.exists(s.log()):
			_ = d.root.Remove(s.idx()) // its log was removed, and then the daemon killed
			s.unread = true
			continue
		case errors.Is(err, errEmpty) && s.remove(d.root) == nil:
			s.unread = true
			continue
		case err != nil:
			d.leaveOut(err)
			s.leaveOut(d.root, f.end)
			kept = append(kept, s)
			continue
		}
		f.reach(end)
		f.number, f.ends = number, s.ends
		if n := len(kept); n > 0 {
			s.nano = max(s.nano, kept[n-1].nano) // it may have nothing in it
		}
		kept = append(kept, s)
	}
	f.segments = kept
	d.last = max(d.last, f.pid)
	if len(kept) > 0 {
		d.files[f.owner] = append(d.files[f.owner], f)
		d.options.Sequence.Skip(f.number)
	}
	return nil
}

// exists reports whether there is something of that name, or may be.
func (d *Dir) exists(name string) bool {
	_, err := d.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// followsOn reports whether a segment is known to begin where the one before it ends:
// nil is none, and then it is the first there ever was. If it has no number, others
// may have been removed for their age; nothing tells.
func (s *segment) followsOn(before *segment) bool {
	if before == nil {
		return s.number <= 1
	}
	return !before.unread && (s.number == 0 || s.number == before.number+1)
}

// firstNumber is that of the first write in segments; 0 if it cannot be read.
func (d *Dir) firstNumber(segments []*segment) uint64 {
	for _, s := range segments {
		log, x, err := s.open(d.root)
		if err != nil {
			continue
		}
		e, ok, _ := x.begin()
		log.Close()
		x.f.Close()
		if ok {
			return e.number
		}
	}
	return 0
}

// order puts the segment without a number last.
func order(s *segment) int {
	if s.number == 0 {
		return int(^uint(0) >> 1)
	}
	return s.number
}

// finishRename completes a rotation that was cut off between its two steps.
func (d *Dir) finishRename(f *File, s *segment) {
	if s.number > 0 && !d.exists(s.log()) && !d.exists(f.path+".idx") {
		d.root.Rename(f.path+".log", s.log()) // if it is not there, mend will say so
	}
}

// begin reads where a segment begins: where the one before ends, if there is nothing in
// it.
func (s *segment) begin(d *Dir, f *File) error {
	log, x, err := s.open(d.root)
	if err != nil {
		return err
	}
	defer log.Close()
	defer x.f.Close()
	if len(x.meta) > 0 { // else it may have been lost
		f.meta = x.meta
	}
	s.start = f.end
	e, ok, err := x.begin()
	if ok {
		s.start = e.offset
	}
	return err
}
