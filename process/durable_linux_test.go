package process

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// looseChild keeps nothing.
type looseChild struct{ KeptChild }

func (looseChild) Keep(byte, *os.File) error { return nil }
func (looseChild) CloseFile(byte) error      { return nil }

// TestCutTakesWhatIsUnderWay cuts a custom stream when part of it has left the
// socket and is not in the log yet.
func TestCutTakesWhatIsUnderWay(t *testing.T) {
	theirs, ours, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	want := bytes.Repeat([]byte("0123456789abcde\n"), 4000)
	if _, err := theirs.Write(want); err != nil {
		t.Fatal(err)
	}
	log := streams.NewLog(streams.Options{Window: 16 << 10, MaxWindow: 1 << 20})
	kept := &durable{child: looseChild{}, fd: firstCustomFD, label: "x"}
	defer kept.release()
	r := newReader(context.Background(), log, ours, kept)
	cursor := log.Subscribe(0)
	defer cursor.Close()
	conn, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		r.fd = int(fd)
		if _, err := r.once(); err != nil {
			t.Fatal(err)
		}
	})
	if log.End() == int64(len(want)) {
		t.Fatal("all was read at once")
	}
	conn.Control(r.rest)
	if log.End() != int64(len(want)) {
		t.Errorf("%d of %d bytes are in the log", log.End(), len(want))
	}
}
