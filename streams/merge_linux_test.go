package streams

import "testing"

// Who follows a Log before it goes on gets what an earlier program has read of it.
func TestRestoredLogIsMerged(t *testing.T) {
	before := newBacked(t, Options{})
	before.put(t, "one\n")
	var f family
	l := NewLog(Options{Sequence: &f.seq, Bell: &f.bell, Backing: again(t, before.b)})
	f.logs = append(f.logs, Source[int]{Log: l})
	m := f.merge()
	defer m.Close()
	if line, err := m.Poll(); err != ErrIdle {
		t.Fatalf("%q, %v before there is anything", line.Text, err)
	}
	if err := l.Restore(); err != nil {
		t.Fatal(err)
	}
	if line, err := m.Poll(); err != nil || string(line.Text) != "one" {
		t.Errorf("%q, %v", line.Text, err)
	}
}
