package manager

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// openLines are the lines of which a reader has been given a part, and is yet to
// be given the rest, by their output.
type openLines map[outputKey]openLine

type openLine struct {
	end   int64     // of what was given
	begun time.Time // when the line's first byte was read
	of    *output   // whose it is, as far as that is known; else nil
}

const (
	openMark = "-" // before each of them in a cursor

	// maxOpenLines is how many of them a cursor has room for. What an older
	// instance's line began with may come again.
	maxOpenLines = 500
)

// String is what parseOpenLines reads.
func (ls openLines) String() string {
	keys := slices.SortedFunc(maps.Keys(ls), func(a, b outputKey) int {
		return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.fd, b.fd))
	})
	var b []byte
	for _, key := range keys[max(0, len(keys)-maxOpenLines):] {
		b = append(b, openMark...)
		for i, n := range [...]int64{int64(key.pid), int64(key.fd), ls[key].end, ls[key].begun.UnixNano()} {
			if i > 0 {
				b = append(b, '.')
			}
			b = strconv.AppendInt(b, n, 10)
		}
	}
	return string(b)
}

func parseOpenLines(s string) (ls openLines, ok bool) {
	ls = make(openLines)
	if s == "" {
		return ls, true
	}
	for line := range strings.SplitSeq(s[len(openMark):], openMark) {
		n, ok := fourNumbers(line)
		if !ok {
			return nil, false
		}
		ls[outputKey{int(n[0]), int(n[1])}] = openLine{end: n[2], begun: time.Unix(0, n[3])}
	}
	return ls, true
}

// opened notes whether a part of a line was given whose rest is to come.
func (r *LogReader) opened(m streams.Merged[*output]) {
	key := m.Key.outputKey
	if m.Partial {
		r.open[key] = openLine{m.End, m.Time, m.Key}
	} else if _, open := r.open[key]; open {
		delete(r.open, key)
	} else {
		return
	}
	r.openText = r.open.String()
}

// forgetOpen forgets lines whose rest will not come. Those of outputs that end
// behind all cursors stay, for who resumes would get them again. added are about to be
// read.
func (r *LogReader) forgetOpen(added []streams.Source[*output]) {
	if len(r.open) == 0 {
		return
	}
	before := len(r.open)
	maps.DeleteFunc(r.open, func(_ outputKey, l openLine) bool {
		isAdded := func(s streams.Source[*output]) bool { return s.Key == l.of }
		switch {
		case l.of == nil:
			return true
		case r.merge.Reads(l.of) || slices.ContainsFunc(added, isAdded):
			return false
		}
		return l.of.log.Number() <= r.reached
	})
	if len(r.open) != before {
		r.openText = r.open.String()
	}
}
