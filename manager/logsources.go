package manager

import (
	"slices"

	"github.com/gafferd/gaffer/streams"
)

// wants reports whether the query is for that output.
func (q *LogQuery) wants(o *output) bool {
	if q.Stream != "" && q.Stream != o.stream() || q.Only != nil && !q.Only(o.process) {
		return false
	}
	return len(q.Filter) == 0 || slices.Contains(q.Filter, typeOf(o.process)) || slices.Contains(q.Filter, o.instance)
}

// sources are the outputs that the merge has yet to know of, and where it begins to
// read each. Those that come later are read from their beginning.
func (r *LogReader) sources() (added []streams.Source[*output]) {
	if r.begun && r.seen == r.app.added.Load() {
		r.forgetOpen(nil)
		return nil
	}
	all, now := r.m.outputs.since(r.app, r.seen)
	if r.begun && uint64(len(all)) < now-r.seen && r.m.options.State != nil {
		r.goOn()
		all, now = r.m.outputs.since(r.app, 0)
	}
	r.seen = now
	if !r.begun {
		all = append(r.onlyOnDisk(all), all...)
	}
	all = slices.DeleteFunc(all, func(o *output) bool { return !r.query.wants(o) })
	var places map[outputKey]int64
	if !r.begun {
		places = r.begin(all)
		all = slices.DeleteFunc(all, func(o *output) bool {
			_, ok := places[o.outputKey]
			return !ok
		})
		r.begun = true
	}
	for _, o := range all {
		s := streams.Source[*output]{Key: o, Log: o.log, At: places[o.outputKey], Only: r.only}
		if l, ok := r.open[o.outputKey]; ok {
			if l.end == s.At {
				s.Begun = l.begun
			}
			l.of = o
			r.open[o.outputKey] = l
		}
		added = append(added, s)
	}
	r.forgetOpen(added)
	return added
}

// goOn has the reader begin again behind the line that was given last, as one does who
// comes with its cursor: more outputs have come and gone since it looked than are known,
// and what those had is on disk.
func (r *LogReader) goOn() {
	r.merge.Close()
	r.old, r.begun = r.m.archivedOutputs(r.app.name), false
	if r.given == nil || r.reached == 0 { // there is no line to go on behind
		r.skip = 0
		return
	}
	r.query.After = LogCursor{number: r.reached, key: r.given.outputKey, end: r.end}
	r.query.Tail = 0
}

// onlyOnDisk are the outputs that the archive has and that are not among those in
// memory. Those have to be looked at later than the archive: what has been written to
// disk was in memory before.
func (r *LogReader) onlyOnDisk(inMemory []*output) []*output {
	if len(r.old) == 0 {
		return nil
	}
	known := make(map[outputKey]bool, len(inMemory))
	for _, o := range inMemory {
		known[o.outputKey] = true
	}
	old := slices.DeleteFunc(r.old, func(o *output) bool { return known[o.outputKey] })
	r.old = nil
	return old
}
