package archive

import (
	"path"
	"time"
)

// minCost is what a file counts for at least, however little is in it: so that a
// process that ends again and again does not leave files without end.
const minCost = 4 << 10

// cost is what a segment counts for.
func (s *segment) cost() int64 { return max(s.size, minCost) }

// cost is what all files of an instance count for.
func (f *File) cost() (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.segments {
		n += s.cost()
	}
	return n
}

// Forget removes what there is of a process, soon: what is being written when
// that has ended. What Create makes later is not meant.
func (d *Dir) Forget(process string) {
	d.mu.Lock()
	for _, f := range d.files[process] {
		d.unwanted[f] = struct{}{}
	}
	d.mu.Unlock()
	d.options.Bell.Ring()
}

// sweep removes what is unwanted and not being written any more. It belongs to
// the Dir's goroutine, as all do that may remove a folder: others could be about
// to write there.
func (d *Dir) sweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.unwanted {
		if _, live := d.live[f]; !live {
			f.forget(d, false, f.cost(), time.Time{})
			delete(d.unwanted, f)
			d.drop(f.owner)
		}
	}
}

// end notes that nothing more is written of an instance. What its process keeps is
// looked at when as much as a full file has come in this way: it may be thousands of
// files, and not each end is worth it.
func (d *Dir) end(f *File, now time.Time) {
	d.mu.Lock()
	delete(d.live, f)
	d.ended[f.owner] += max(f.cost(), minCost)
	due := d.ended[f.owner] >= d.limits.Segment
	d.mu.Unlock()
	if due {
		d.retain(f.owner, now)
	}
}

// retain forgets the oldest of a process that is over the limits.
func (d *Dir) retain(process string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held {
		return
	}
	delete(d.ended, process)
	var cost int64
	for _, f := range d.files[process] {
		cost += f.cost()
	}
	for _, f := range d.files[process] {
		_, live := d.live[f]
		cost -= f.forget(d, live, cost-d.limits.Size, now.Add(-d.limits.Age))
	}
	d.drop(process)
}

// drop leaves out the files of a process of which nothing is kept, and removes
// folders that are empty. d.mu must be held.
func (d *Dir) drop(process string) {
	files := d.files[process]
	if len(files) == 0 {
		return
	}
	folder := path.Dir(files[0].path)
	kept := files[:0]
	for _, f := range files {
		if _, live := d.live[f]; live || f.cost() > 0 {
			kept = append(kept, f)
		}
	}
	clear(files[len(kept):])
	if d.files[process] = kept; len(kept) > 0 {
		return
	}
	delete(d.files, process)
	delete(d.ended, process)
	if d.root.Remove(folder) == nil { // else there is something in it
		_ = d.root.Remove(path.Dir(folder))
	}
}

// forget removes segments, the oldest first, while over is more than 0 or they
// are older than since. It returns how much that frees. The one that is being
// written stays.
func (f *File) forget(d *Dir, live bool, over int64, since time.Time) (freed int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.segments) > 0 {
		s := f.segments[0]
		if live && s.number == 0 || over <= freed && !time.Unix(0, s.nano).Before(since) {
			break
		}
		if err := s.remove(d.root); err != nil {
			break // tried again with the next rotation
		}
		freed += s.cost()
		f.segments = f.segments[1:]
	}
	return freed
}

func (d *Dir) retainAll(now time.Time) {
	d.mu.Lock()
	names := make([]string, 0, len(d.files))
	for name := range d.files {
		names = append(names, name)
	}
	d.mu.Unlock()
	for _, name := range names {
		d.retain(name, now)
	}
}
