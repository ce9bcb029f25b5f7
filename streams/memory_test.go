package streams

import (
	"bytes"
	"testing"
)

// What readers of a Log with Backpressure have yet to take is theirs, however much
// others want its room, when it has ended too.
func TestMemoryLeavesWhatBackpressureHolds(t *testing.T) {
	for _, ended := range []bool{false, true} {
		memory := NewMemory(1 << 20)
		held := NewLog(Options{Memory: memory, Backpressure: true})
		c := held.Subscribe(0)
		defer c.Close()
		want := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // of which there is more than one block
		held.Write(want)
		if ended {
			held.Close()
		}
		other := NewLog(Options{Memory: memory})
		other.Write(make([]byte, 4<<20))
		if n := memory.Used(); n > 1<<20 {
			t.Errorf("%d bytes are used, of which the other one could have made room", n)
		}
		if got, missed := held.Read(0, len(want)); missed > 0 || !bytes.Equal(got, want) {
			t.Errorf("ended %v: %d bytes are missing", ended, missed)
		}
		c.Close()
		other.Write(make([]byte, 1<<20))
		if held.Start() == 0 {
			t.Errorf("ended %v: nothing goes when nobody reads it", ended)
		}
	}
}

// What Logs hold that have ended is in nobody's way: a window grows as if it was free.
func TestWindowGrowsAmongFinishedLogs(t *testing.T) {
	memory := NewMemory(1 << 20)
	for range 3 {
		ended := NewLog(Options{Memory: memory})
		ended.Write(make([]byte, 600<<10))
		ended.Close()
	}
	l := NewLog(Options{Window: 64 << 10, Memory: memory})
	tap := l.Tap(0)
	defer tap.Close()
	l.Write(make([]byte, 300<<10))
	if chunk, err := tap.Poll(); err != nil || chunk.Missed > 0 {
		t.Errorf("%d bytes are missed, %v", chunk.Missed, err)
	}
	if n := memory.Used(); n > 1<<20 {
		t.Errorf("%d bytes are used", n)
	}
}
