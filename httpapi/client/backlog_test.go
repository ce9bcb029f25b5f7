package client

import (
	"errors"
	"strings"
	"testing"
)

// What has become of the input of a connection that is lost follows from where
// stdin was and is.
func TestBacklogSettles(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  func(b *backlog, l *link) error // after "one", "two" and "three" were written, to a stdin at 100
		offset  int64                           // of stdin then
		left    string
		unsure  int64
		problem error
	}{
		{"nothing has arrived", nil, 100, "one two three four", 0, nil},
		{"a piece", nil, 103, "two three four", 0, nil},
		{"a part of one", nil, 107, "hree four", 0, nil},
		{"all", nil, 111, "four", 0, nil},
		{"more than all", nil, 112, "four", 11, nil},
		{"less than was there", nil, 99, "one two three four", 0, ErrReplaced},
		{"acknowledged", acknowledged(6, 106), 107, "hree four", 0, nil},
		{"all acknowledged, and others wrote", acknowledged(11, 111), 120, "four", 0, nil},
		{"others wrote before", acknowledged(3, 120), 123, "four", 8, nil},
		{"others wrote before, and nothing since", acknowledged(3, 120), 120, "two three four", 0, nil},
		{"closed", func(b *backlog, _ *link) error { b.close(); return nil }, 111, "", 0, nil},
	} {
		l := &link{offset: 100}
		b := &backlog{changed: make(chan struct{}), offset: 100}
		b.begin(l, false)
		for _, piece := range []string{"one", "two", "three"} {
			b.add([]byte(piece))
			b.take()
		}
		b.add([]byte("four")) // which there was no time to write
		if test.before != nil {
			if err := test.before(b, l); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		_, unsure, err := b.settle(test.offset)
		next := &link{offset: test.offset}
		b.begin(next, false)
		var left []string
		for _, piece := b.take(); piece != nil; _, piece = b.take() {
			left = append(left, string(piece))
		}
		if got := strings.Join(left, " "); got != test.left || unsure != test.unsure || !errors.Is(err, test.problem) {
			t.Errorf("%s: left are %q, unsure %d, %v; want %q, %d, %v", test.name, got, unsure, err, test.left, test.unsure, test.problem)
		}
		if size := int64(len(strings.ReplaceAll(test.left, " ", ""))); b.size != size {
			t.Errorf("%s: the size is %d, want %d", test.name, b.size, size)
		}
	}
}

func acknowledged(taken, offset int64) func(b *backlog, l *link) error {
	return func(b *backlog, l *link) error { return b.confirm(l, taken, offset) }
}

func TestBacklogIsBounded(t *testing.T) {
	b := &backlog{changed: make(chan struct{})}
	b.begin(&link{}, false)
	room := func() bool { is, _ := b.hasRoom(); return is }
	for range maxUnconfirmed / maxPiece {
		if !room() {
			t.Fatalf("no room at %d", b.size)
		}
		b.add(make([]byte, maxPiece))
	}
	if room() {
		t.Errorf("there is room at %d", b.size)
	}
	b.take()
	_, changed := b.hasRoom()
	if err := b.confirm(b.link, maxPiece, maxPiece); err != nil {
		t.Error(err)
	}
	<-changed
	if !room() {
		t.Error("no room after a piece was confirmed")
	}
	if err := b.confirm(b.link, 2<<20, 2<<20); err == nil {
		t.Error("more was confirmed than was sent")
	}
}
