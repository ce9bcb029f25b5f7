package streams

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// shelf is an Archive that has kept all up to an offset.
type shelf struct {
	Archive
	end int64
}

func (s shelf) Start() int64 { return 0 }
func (s shelf) End() int64   { return s.end }

// TestStartOver restores a stream whose records are damaged: it goes on behind what is
// on disk, as one of which nothing else is left.
func TestStartOver(t *testing.T) {
	first := newBacked(t, Options{})
	first.put(t, "before")
	var word [8]byte
	binary.NativeEndian.PutUint64(word[:], 1<<40)
	if _, err := first.b.file.WriteAt(word[:], recordsBase+3*8); err != nil { // the size of the first block
		t.Fatal(err)
	}
	var seq Sequence
	next := NewLog(Options{Backing: again(t, first.b), Archive: shelf{end: 1000}, Sequence: &seq})
	if err := next.Restore(); err == nil || seq.Last() > 0 {
		t.Errorf("restored with %v, up to number %d", err, seq.Last())
	}
	if _, err := next.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	if data, _ := next.Read(1000, 10); next.End() != 1005 || string(data) != "after" {
		t.Errorf("it ends at %d with %q", next.End(), data)
	}
}

// TestStartsBehindArchive begins a log of which a part is on disk, and nothing else, also
// when it was just about to be kept in memory again.
func TestStartsBehindArchive(t *testing.T) {
	if l := NewLog(Options{Archive: shelf{end: 1000}}); l.End() != 1000 {
		t.Errorf("it ends at %d", l.End())
	}
	empty := newBacked(t, Options{})
	l := NewLog(Options{Backing: again(t, empty.b), Archive: shelf{end: 1000}})
	if err := l.Restore(); err != nil || l.End() != 1000 {
		t.Errorf("restored with %v, it ends at %d", err, l.End())
	}
}

// TestDamagedRecords changes words of the records at random. A program that reads them
// may find less, or nothing, but does not end of it.
func TestDamagedRecords(t *testing.T) {
	words := []uint64{0, 1, 1 << 20, 1 << 40, uint64(firstBlockAt), uint64(recordsBase), 1 << 62, 1 << 63, ^uint64(0) - 1, ^uint64(0)}
	damage := func(t *testing.T) {
		first := newBacked(t, Options{Window: 8 << 10, MaxWindow: 8 << 10})
		defer first.Close()
		for range 5 {
			first.put(t, string(make([]byte, 3000)))
		}
		for range 1 + rand.IntN(3) {
			var word [8]byte
			binary.NativeEndian.PutUint64(word[:], words[rand.IntN(len(words))])
			if _, err := first.b.file.WriteAt(word[:], recordsBase+int64(rand.IntN(60))*8); err != nil {
				t.Fatal(err)
			}
		}
		next := NewLog(Options{Backing: again(t, first.b)})
		if err := next.Restore(); err == nil {
			next.Read(next.Start(), 1<<20)
		}
	}
	for range 500 {
		t.Run("", damage)
	}
}
