package manager

import (
	"cmp"
	"math"
	"slices"

	"github.com/gafferd/gaffer/streams"
)

// begin finds where the query begins in each output.
func (r *LogReader) begin(all []*output) map[outputKey]int64 {
	places := make(map[outputKey]int64, len(all))
	for _, o := range all {
		places[o.outputKey] = r.place(o)
	}
	if r.query.Tail != 0 {
		r.tail(all, places)
	}
	return places
}

// place is where the lines after the query's cursor, or since its time, begin.
func (r *LogReader) place(o *output) int64 {
	q := &r.query
	switch {
	case q.After == (LogCursor{}) && q.Since.IsZero():
		if o.log.Start() == o.log.End() {
			return o.log.End() // nothing is kept, and nobody waits for it
		}
		return 0
	case q.After == (LogCursor{}):
		return o.log.LineAfter(func(m streams.Mark) bool { return m.UnixNano >= q.Since.UnixNano() })
	case o.pid > r.m.earlier.pid && r.foreign():
		return 0 // from an earlier life of the daemon: all of this one is new
	case q.After.key == o.outputKey:
		return q.After.end
	}
	if l, ok := r.open[o.outputKey]; ok {
		return l.end
	}
	return o.log.LineAfter(func(m streams.Mark) bool { return m.Number > q.After.number })
}

// tail moves the places on so that only the last lines come: what has been
// written by now, as far as it matches. Outputs that have none of them have no place
// any more, unless more is to follow.
func (r *LogReader) tail(all []*output, places map[outputKey]int64) {
	want := max(r.query.Tail, 0) // of TailNone, none
	lasts := make(map[outputKey][]place, len(all))
	var numbers []uint64 // of the lines found, in order
	least := uint64(math.MaxUint64)
	for _, o := range newestFirst(all) {
		if want == 0 || len(numbers) >= want && o.log.Number() < least {
			break // nor has any that follows one of the last lines
		}
		ls := r.lastLines(o, places[o.outputKey], want)
		lasts[o.outputKey] = ls
		for _, l := range ls {
			numbers = append(numbers, l.number)
		}
		slices.Sort(numbers)
		if len(numbers) > 0 {
			least = numbers[max(0, len(numbers)-want)]
		}
	}
	for n := len(numbers) - want - 1; want > 0 && n >= 0 && numbers[n] == least; n-- {
		r.skip++ // of the same write, but too many
	}
	r.reached = max(r.reached, min(max(least, 1)-1, r.upTo)) // what is before is as good as given
	for _, o := range all {
		i := slices.IndexFunc(lasts[o.outputKey], func(l place) bool { return l.number >= least })
		switch {
		case i >= 0:
			places[o.outputKey] = lasts[o.outputKey][i].at
		case r.query.Follow:
			places[o.outputKey] = r.fresh(o)
		default:
			delete(places, o.outputKey) // nor is its unfinished line among the last
		}
	}
}

// newestFirst are the outputs in the order of their newest writes.
func newestFirst(all []*output) []*output {
	type dated struct {
		*output
		number uint64 // asked for once: it may grow meanwhile
	}
	order := make([]dated, len(all))
	for i, o := range all {
		order[i] = dated{o, o.log.Number()}
	}
	slices.SortFunc(order, func(a, b dated) int { return cmp.Compare(b.number, a.number) })
	sorted := make([]*output, len(all))
	for i, o := range order {
		sorted[i] = o.output
	}
	return sorted
}

// fresh is where what comes from now on begins: with the line that is unfinished
// now.
func (r *LogReader) fresh(o *output) int64 {
	return o.log.LineAfter(func(m streams.Mark) bool { return m.Number > r.upTo })
}

// place is where a line begins, and the number of the write that completed it.
type place struct {
	at     int64
	number uint64
}

// lastLines are the last n matching lines of an output that are behind from and
// were completed by now. It looks back a little more each time until they are
// found.
func (r *LogReader) lastLines(o *output, from int64, n int) []place {
	for look := n; n > 0; look *= 4 {
		start := max(from, o.log.TailLines(look))
		found := r.linesFrom(o, start)
		if len(found) >= n || start <= max(from, o.log.Start()) {
			return found[max(0, len(found)-n):]
		}
	}
	return nil
}

// linesFrom are the matching lines of an output from an offset on, completed by
// now.
func (r *LogReader) linesFrom(o *output, start int64) (found []place) {
	lines := streams.NewLinesOnly(o.log, start, r.only)
	defer lines.Close()
	for {
		line, _, err := lines.Poll()
		if err == streams.ErrIdle {
			if l, ok := lines.Flush(); ok {
				line, err = l, nil
			}
		}
		if err != nil || line.Number > r.upTo {
			return found
		}
		l := LogLine{Time: line.Time, Text: line.Text, Missed: line.Missed}
		if line.Missed == 0 && !line.Dropped && r.matches(&l) {
			found = append(found, place{line.Offset, line.Number})
		}
	}
}
