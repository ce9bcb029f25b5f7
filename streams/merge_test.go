package streams

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// family is what logs that are merged share.
type family struct {
	seq  Sequence
	bell Bell
	mu   sync.Mutex
	logs []Source[int]
}

func (f *family) add() *Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := NewLog(Options{Sequence: &f.seq, Bell: &f.bell})
	f.logs = append(f.logs, Source[int]{Key: len(f.logs), Log: l})
	return l
}

func (f *family) merge() *Merge[int] {
	known := 0
	return NewMerge(&f.seq, &f.bell, func() []Source[int] {
		f.mu.Lock()
		defer f.mu.Unlock()
		added := slices.Clone(f.logs[known:])
		known = len(f.logs)
		return added
	})
}

func TestMergeInTheOrderOfCompletion(t *testing.T) {
	var f family
	a, b := f.add(), f.add()
	m := f.merge()
	defer m.Close()
	fmt.Fprint(a, "a1\na2")
	fmt.Fprint(b, "b1\n")
	fmt.Fprint(a, " ends\na3\n")
	fmt.Fprint(b, "b2")
	b.Close()
	f.add().Write([]byte("c1\n"))
	var got string
	for {
		line, err := m.Poll()
		if err != nil {
			break
		}
		got += fmt.Sprintf("%d:%s ", line.Key, line.Text)
	}
	if want := "0:a1 1:b1 0:a2 ends 0:a3 1:b2 2:c1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Writers at once, some of whom come late: every line once, in one order that
// all readers see.
func TestMergeLosesAndRepeatsNothing(t *testing.T) {
	var f family
	const writers, lines = 8, 2000
	var readers, work sync.WaitGroup
	orders := make([]string, 3)
	for i := range orders {
		m := f.merge()
		readers.Go(func() {
			defer m.Close()
			next := make(map[int]int)
			var last uint64
			for range writers * lines {
				line, err := m.Next(t.Context(), 20*time.Second)
				if err != nil {
					t.Error(err)
					return
				}
				if line.Number < last {
					t.Errorf("number %d after %d", line.Number, last)
				}
				last = line.Number
				if want := fmt.Sprint(next[line.Key]); string(line.Text) != want {
					t.Errorf("log %d: got %s, want %s", line.Key, line.Text, want)
					return
				}
				next[line.Key]++
				orders[i] += fmt.Sprint(line.Key)
			}
		})
	}
	for w := range writers {
		work.Go(func() {
			l := f.add()
			defer l.Close()
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			var text string
			for i := range lines {
				text += fmt.Sprintf("%d\n", i)
				if rng.IntN(3) == 0 { // lines are cut anywhere
					n := rng.IntN(len(text))
					l.Write([]byte(text[:n]))
					text = text[n:]
				}
			}
			l.Write([]byte(text))
		})
	}
	work.Wait()
	readers.Wait()
	if orders[0] != orders[1] || orders[1] != orders[2] {
		t.Error("the readers saw different orders")
	}
}

func TestMergeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f family
		l := f.add()
		m := f.merge()
		defer m.Close()
		began := time.Now()
		if _, err := m.Next(t.Context(), time.Minute); err != ErrIdle || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.AfterFunc(time.Minute, func() { fmt.Fprint(l, "prompt: ") })
		line, err := m.Next(t.Context(), time.Hour)
		if err != nil || string(line.Text) != "prompt: " || !line.Partial || time.Since(began) != 2*time.Minute+time.Second {
			t.Errorf("%q %v %v after %v", line.Text, line.Line, err, time.Since(began))
		}
		time.AfterFunc(time.Minute, func() { f.add().Write([]byte("new\n")) })
		if line, err := m.Next(t.Context(), time.Hour); err != nil || line.Key != 1 || string(line.Text) != "new" {
			t.Errorf("%q %v", line.Text, err)
		}
	})
}

func TestSearchAndLineAt(t *testing.T) {
	l := NewLog(Options{Window: 1 << 10})
	for _, part := range []string{"one\n", "tw", "o\nthr", "ee\n"} {
		l.store.grow(len(part))
		l.store.add([]byte(part), l.sequence.mark(l.store.end))
	}
	for _, tc := range []struct {
		number     uint64
		at, lineAt int64
	}{{0, 0, 0}, {1, 4, 4}, {2, 6, 4}, {3, 11, 8}, {4, 14, 14}, {9, 14, 14}} {
		after := func(m Mark) bool { return m.Number > tc.number }
		if at, line := l.search(after), l.LineAfter(after); at != tc.at || line != tc.lineAt {
			t.Errorf("after write %d: %d, line %d; want %d, %d", tc.number, at, line, tc.at, tc.lineAt)
		}
	}
}

// A Log that has ended is left out, also when its end is found where the next line
// was looked for.
func TestMergeLeavesOutWhatHasEnded(t *testing.T) {
	var f family
	l := f.add()
	fmt.Fprint(l, "last\n")
	m := f.merge()
	defer m.Close()
	if line, err := m.Poll(); err != nil || string(line.Text) != "last" {
		t.Fatalf("%q, %v", line.Text, err)
	}
	l.Close()
	if line, err := m.Poll(); err != ErrIdle {
		t.Fatalf("%q, %v behind the end", line.Text, err)
	}
	if m.Reads(0) || len(l.cursors) > 0 {
		t.Errorf("it is still read: %v, %d cursors", m.Reads(0), len(l.cursors))
	}
}
