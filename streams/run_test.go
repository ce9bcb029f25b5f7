package streams

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomWrite is some lines, or parts of them, with ends of every kind.
func randomWrite() (write []byte) {
	pieces := []string{"one", "two\n", "three\n", "\n", "\r", "\r\n", "", "a\nb\n"}
	for range 1 + rand.IntN(12) {
		write = append(write, pieces[rand.IntN(len(pieces))]...)
	}
	return write
}

// skipSome takes some of the lines ahead, and tells of each.
func skipSome(run Run, skip func(int), tell func(offset, end int64, text []byte)) {
	if bytes.IndexByte(run.Text, '\r') >= 0 {
		panic("a run with a CR in it")
	}
	at := 0
	for at < len(run.Text) && rand.IntN(8) > 0 {
		n := bytes.IndexByte(run.Text[at:], '\n')
		tell(run.Offset+int64(at), run.Offset+int64(at+n+1), run.Text[at:at+n])
		at += n + 1
	}
	skip(at)
}

// Whatever of the lines ahead is taken together, they are those that come one by
// one, and so are those that follow.
func TestLinesAheadAreThoseThatFollow(t *testing.T) {
	ahead := 0
	for range 2000 {
		l := NewLog(Options{})
		for range rand.IntN(20) {
			l.Write(randomWrite())
		}
		l.Close()
		var want, got []string
		for _, line := range lines(t, l, 0) {
			want = append(want, fmt.Sprintf("%d-%d %s", line.Offset, line.End, line.Text))
		}
		ls := NewLines(l, 0)
		for line, _, err := ls.Poll(); err == nil; line, _, err = ls.Poll() {
			got = append(got, fmt.Sprintf("%d-%d %s", line.Offset, line.End, line.Text))
			skipSome(ls.Ahead(), ls.Skip, func(offset, end int64, text []byte) {
				ahead++
				got = append(got, fmt.Sprintf("%d-%d %s", offset, end, text))
			})
		}
		ls.Close()
		if !slices.Equal(got, want) {
			all, _ := l.Read(0, 1<<20)
			t.Fatalf("of %q: got\n%q, want\n%q", all, got, want)
		}
		l.Discard()
	}
	if ahead < 1000 {
		t.Errorf("%d lines were taken together", ahead)
	}
}

// The same with several logs, whose lines keep their order, times and numbers.
func TestMergedLinesAheadAreThoseThatFollow(t *testing.T) {
	ahead := 0
	for range 1000 {
		var f family
		logs := []*Log{f.add(), f.add(), f.add()}
		for range rand.IntN(40) {
			logs[rand.IntN(len(logs))].Write(randomWrite())
		}
		for _, l := range logs {
			l.Close()
		}
		tell := func(key int, l Line) string {
			return fmt.Sprintf("%d: %d-%d %s (%d, %d)", key, l.Offset, l.End, l.Text, l.Number, l.Time.UnixNano())
		}
		var want, got []string
		m := f.merge()
		for line, err := m.Poll(); err == nil; line, err = m.Poll() {
			want = append(want, tell(line.Key, line.Line))
		}
		m.Close()
		m = f.merge()
		for line, err := m.Poll(); err == nil; line, err = m.Poll() {
			got = append(got, tell(line.Key, line.Line))
			run := m.Ahead()
			skipSome(run, m.Skip, func(offset, end int64, text []byte) {
				ahead++
				got = append(got, tell(line.Key, Line{Offset: offset, End: end, Text: text, Number: run.Number, Time: run.Time}))
			})
		}
		m.Close()
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%q, want\n%q", got, want)
		}
	}
	if ahead < 1000 {
		t.Errorf("%d lines were taken together", ahead)
	}
}

// What is at hand when there is nothing behind it, or something that is not whole,
// is nothing.
func TestNothingAhead(t *testing.T) {
	l := NewLog(Options{})
	ls := NewLines(l, 0)
	defer ls.Close()
	look := func(what string) {
		t.Helper()
		if run := ls.Ahead(); len(run.Text) > 0 {
			t.Errorf("%s: %q", what, run.Text)
		}
		ls.Skip(0)
	}
	look("before anything is read")
	l.Write([]byte("a\nunfinished"))
	ls.Poll()
	look("an unfinished line")
	ls.Poll()
	look("one that is held")
	ls.Flush()
	l.Write([]byte(" line\nb\n"))
	look("the rest of one that was given in part")
	only := NewLinesOnly(l, 0, Filter{Match: func([]byte) bool { return true }})
	defer only.Close()
	only.Poll()
	if run := only.Ahead(); len(run.Text) > 0 {
		t.Errorf("what a filter has to look at: %q", run.Text)
	}
}
