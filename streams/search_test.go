package streams

import (
	"bytes"
	"testing"
)

// Who resumes by number behind what is kept begins at what he missed.
func TestLineAfterWhatIsLost(t *testing.T) {
	l := NewLog(Options{Window: 4 << 10, MaxWindow: 4 << 10})
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	for range 10 {
		l.Write(line)
	}
	seen := l.Number()
	behind := func(n uint64) func(Mark) bool { return func(m Mark) bool { return m.Number > n } }
	if at := l.LineAfter(behind(seen)); at != 1000 {
		t.Errorf("nothing is new: begins at %d", at)
	}
	for range 1000 {
		l.Write(line)
	}
	start := l.Start()
	if at := l.LineAfter(behind(seen)); at >= start || at < 1000 {
		t.Errorf("begins at %d of what is kept from %d on", at, start)
	}
	if at := l.LineAfter(behind(0)); at != 0 {
		t.Errorf("all is new: begins at %d", at)
	}
	if at := l.LineAfter(behind(l.Number() - 1)); at != l.End()-100 {
		t.Errorf("the last is new: begins at %d of %d", at, l.End())
	}
	l.Discard()
	if at := l.LineAfter(behind(seen)); at >= l.End() || at < 1000 {
		t.Errorf("discarded: begins at %d of %d", at, l.End())
	}
	if at := l.LineAfter(behind(l.Number())); at != l.End() {
		t.Errorf("discarded and read: begins at %d of %d", at, l.End())
	}
}
