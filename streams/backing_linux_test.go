package streams

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// again is a Backing as another program finds it, which shares the file.
func again(t *testing.T, b *Backing) *Backing {
	t.Helper()
	fd, err := unix.Dup(int(b.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "again")
	t.Cleanup(func() { f.Close() })
	other, err := OpenBacking(f)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// backed is a Log on a pipe.
type backed struct {
	*Log
	b    *Backing
	r, w *os.File
}

func newBacked(t *testing.T, o Options) *backed {
	t.Helper()
	b, err := NewBacking("test")
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
		b.file.Close()
	})
	o.Backing = b
	return &backed{NewLog(o), b, r, w}
}

// put writes to the pipe and has it read.
func (b *backed) put(t *testing.T, text string) {
	t.Helper()
	io.WriteString(b.w, text)
	for left := len(text); left > 0; {
		n, _, err := b.Splice(int(b.r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
}

func restored(o Options) (*Log, error) {
	l := NewLog(o)
	return l, l.Restore()
}

func TestRestore(t *testing.T) {
	b := newBacked(t, Options{})
	for _, text := range []string{"one\n", "two\n", strings.Repeat("x", 60_000), "\nthr"} {
		b.put(t, text)
	}
	want, _ := b.Read(0, 1<<20)
	other, err := restored(Options{Backing: again(t, b.b)})
	if err != nil {
		t.Fatal(err)
	}
	got, missed := other.Read(0, 1<<20)
	if !bytes.Equal(got, want) || missed != 0 {
		t.Errorf("restored %d bytes, missed %d, want %d", len(got), missed, len(want))
	}
	if got, want := marksOf(other), marksOf(b.Log); got != want {
		t.Errorf("marks are\n%s\nwant\n%s", got, want)
	}
	b.Log, b.b = other, other.backing
	b.put(t, "ee\n")
	if got, _ := other.Read(b.End()-6, 10); string(got) != "three\n" {
		t.Errorf("goes on with %q", got)
	}
	other.Close()
	closed, err := restored(Options{Backing: again(t, b.b)})
	if err != nil {
		t.Fatal(err)
	}
	if closed.Number() != other.Number() || closed.End() != other.End() {
		t.Errorf("end is %d at %d, want %d at %d", closed.Number(), closed.End(), other.Number(), other.End())
	}
	select {
	case <-closed.Done():
	default:
		t.Error("a closed stream is restored as one that goes on")
	}
}

func marksOf(l *Log) string {
	var out strings.Builder
	c := l.Subscribe(0)
	defer c.Close()
	last := uint64(0)
	for chunk, err := c.Poll(); err == nil; chunk, err = c.Poll() {
		for _, m := range chunk.Marks {
			if m.Number != last {
				fmt.Fprintln(&out, m)
			}
			last = m.Number
		}
	}
	return out.String()
}

// TestRestoreUnmarked has a program die between taking bytes and saying so.
func TestRestoreUnmarked(t *testing.T) {
	b := newBacked(t, Options{})
	b.put(t, "one\n")
	io.WriteString(b.w, "two\n")
	if _, err := b.b.splice(int(b.r.Fd()), 10); err != nil {
		t.Fatal(err)
	}
	last := b.Number()
	other, err := restored(Options{Backing: again(t, b.b), Sequence: b.sequence})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := other.Read(0, 10); string(got) != "one\ntwo\n" {
		t.Errorf("restored %q", got)
	}
	if other.Number() <= last {
		t.Errorf("what nobody has seen has the number %d, and %d was seen", other.Number(), last)
	}
}

// TestBackingGivesBack floods a Log and looks at what its file holds.
func TestBackingGivesBack(t *testing.T) {
	b := newBacked(t, Options{Window: 1 << 20, MaxWindow: 1 << 20})
	const line = "0123456789abcdef"
	total := 0
	for total < 8<<20 {
		text := strings.Repeat(line, 10+total%100)
		b.put(t, text)
		total += len(text)
	}
	if held := b.b.held(t); held > 3<<20 {
		t.Errorf("the file holds %d KiB for a window of 1 MiB", held>>10)
	}
	other, err := restored(Options{Backing: again(t, b.b)})
	if err != nil {
		t.Fatal(err)
	}
	start := max(b.Start(), other.Start())
	want, _ := b.Read(start, 2<<20)
	got, _ := other.Read(start, 2<<20)
	if len(want) < 1<<19 || !bytes.Equal(got, want) {
		t.Errorf("restored %d bytes that differ from the %d that were kept", len(got), len(want))
	}
	if other.Number() != b.Number() {
		t.Errorf("last number is %d, want %d", other.Number(), b.Number())
	}
}

// TestRestoreBetweenBlocks has a program die when it has said where the next block
// is, and before any read goes there.
func TestRestoreBetweenBlocks(t *testing.T) {
	b := newBacked(t, Options{})
	b.put(t, "one\n")
	position, _ := b.b.file.Seek(0, io.SeekCurrent)
	b.mu.Lock()
	b.b.block(b.store.end, filePage)
	b.mu.Unlock()
	b.b.file.Seek(position, io.SeekStart)
	other, err := restored(Options{Backing: again(t, b.b)})
	if err != nil {
		t.Fatal(err)
	}
	b.Log, b.b = other, other.backing
	b.put(t, "two\n")
	for _, l := range []*Log{other, mustRestore(t, b.b)} {
		if got, _ := l.Read(0, 100); string(got) != "one\ntwo\n" {
			t.Errorf("restored %q", got)
		}
	}
}

func mustRestore(t *testing.T, b *Backing) *Log {
	t.Helper()
	l, err := restored(Options{Backing: again(t, b)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRestoreForgotten restores a stream of which nothing is kept.
func TestRestoreForgotten(t *testing.T) {
	b := newBacked(t, Options{})
	b.put(t, "forgotten\n")
	b.release(1 << 30)
	other := mustRestore(t, b.b)
	if got, missed := other.Read(0, 100); len(got) != 0 || missed != 10 || other.End() != 10 {
		t.Errorf("restored %q up to %d, missed %d", got, other.End(), missed)
	}
	b.Log, b.b = other, other.backing
	b.put(t, "kept\n")
	if got, _ := mustRestore(t, b.b).Read(10, 100); string(got) != "kept\n" {
		t.Errorf("restored %q", got)
	}
}

// flood puts pieces of 60,000 equal letters, each another one than before.
func (b *backed) flood(t *testing.T, letter *int, pieces int) {
	t.Helper()
	for range pieces {
		*letter++
		b.put(t, strings.Repeat(string(rune('a'+*letter%26)), 60_000))
	}
}

// TestBackedBytesInHandStay floods a Log of which a reader has some in hand.
func TestBackedBytesInHandStay(t *testing.T) {
	b := newBacked(t, Options{Window: 1 << 20, MaxWindow: 1 << 20})
	before := mappings.Load()
	letter := 0
	b.flood(t, &letter, 40)
	c := b.Subscribe(0)
	chunk, err := c.Poll()
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(chunk.Data)
	c.patient.gone = true // as Pace does in the end
	for range 20 {
		b.flood(t, &letter, 7)
		if !bytes.Equal(chunk.Data, want) {
			t.Fatal("what was in hand has changed")
		}
	}
	b.Discard()
	if !bytes.Equal(chunk.Data, want) {
		t.Error("what was in hand has changed at the end")
	}
	c.Close()
	if left := mappings.Load() - before; left != 0 {
		t.Errorf("%d mappings are left", left)
	}
}

// TestRestoreFlood has one program after the other die in the middle of a flood.
func TestRestoreFlood(t *testing.T) {
	o := Options{Window: 1 << 20, MaxWindow: 1 << 20}
	b := newBacked(t, o)
	letter := 0
	for life := range 30 {
		b.flood(t, &letter, 20+life)
		want, _ := b.Read(b.Start(), 2<<20)
		marks := marksOf(b.Log)
		start, number := b.Start(), b.Number()

		o.Backing = again(t, b.b)
		other, err := restored(o)
		if err != nil {
			t.Fatal(err)
		}
		got, missed := other.Read(start, 2<<20)
		if len(want) < 1<<19 || missed > 0 || !bytes.Equal(got, want) {
			t.Fatalf("life %d: restored %d bytes, missed %d, that differ from the %d that were kept", life, len(got), missed, len(want))
		}
		if got := marksOf(other); !strings.HasSuffix(got, marks) {
			t.Fatalf("life %d: marks are\n%s\nwant\n%s", life, got, marks)
		}
		if other.Number() != number {
			t.Errorf("last number is %d, want %d", other.Number(), number)
		}
		// Who has seen the first write only has missed some.
		if at := other.LineAfter(func(m Mark) bool { return m.Number > 1 }); at >= other.Start() {
			t.Errorf("life %d: what follows the first write is at %d, and %d is the oldest that is kept", life, at, other.Start())
		}
		b.Log, b.b = other, o.Backing
	}
}

// TestBackedOnHeap has no part of the file mapped.
func TestBackedOnHeap(t *testing.T) {
	mappings.Add(maxMappings)
	t.Cleanup(func() { mappings.Add(-maxMappings) })
	b := newBacked(t, Options{})
	for range 30 {
		b.put(t, strings.Repeat("0123456789", 6000))
	}
	other := mustRestore(t, b.b)
	want, _ := b.Read(0, 1<<20)
	if got, _ := other.Read(0, 1<<20); !bytes.Equal(got, want) || len(want) < 1<<19 {
		t.Errorf("restored %d bytes that differ from the %d that were kept", len(got), len(want))
	}
	if got, want := marksOf(other), marksOf(b.Log); got != want {
		t.Errorf("marks are\n%s\nwant\n%s", got, want)
	}
}

// TestQuietWriteStaysTogether fills blocks with writes that do not fit their ends.
func TestQuietWriteStaysTogether(t *testing.T) {
	b := newBacked(t, Options{})
	c := b.Subscribe(0)
	defer c.Close()
	for i := range 100 {
		text := strings.Repeat("x", 1+i*37%1500)
		b.put(t, text)
		chunk, err := c.Poll()
		if err != nil || len(chunk.Data) != len(text) {
			t.Fatalf("write %d of %d bytes came as %d, %v", i, len(text), len(chunk.Data), err)
		}
	}
}

// held is how much memory the file takes.
func (b *Backing) held(t *testing.T) int64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(int(b.file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Blocks * 512
}

// TestSmallStream has a stream grow from a few bytes, one program after the other,
// past the page that its first block shares with its first records.
func TestSmallStream(t *testing.T) {
	b := newBacked(t, Options{})
	want := ""
	for life := range 40 {
		for i := range 7 {
			text := strings.Repeat("x", 1+life) + fmt.Sprintln(life, i)
			b.put(t, text)
			want += text
		}
		if held := b.b.held(t); life < 6 && held != filePage {
			t.Errorf("%d bytes take %d", len(want), held)
		}
		other := mustRestore(t, b.b)
		if got, missed := other.Read(0, 1<<20); string(got) != want || missed != 0 {
			t.Fatalf("life %d: restored %q, missed %d, want %q", life, got, missed, want)
		}
		if got, want := marksOf(other), marksOf(b.Log); got != want {
			t.Fatalf("life %d: marks are\n%s\nwant\n%s", life, got, want)
		}
		b.Log, b.b = other, other.backing
	}
}

// TestQuietStreamIsMappedOnce holds that a stream of a few lines has one mapping, and that
// its first block takes none along that is still needed.
func TestQuietStreamIsMappedOnce(t *testing.T) {
	before := mappings.Load()
	b := newBacked(t, Options{Window: 1 << 20, MaxWindow: 1 << 20})
	for i := range 5 {
		b.put(t, fmt.Sprintln("line", i))
	}
	if got := mappings.Load() - before; got != 1 {
		t.Errorf("five lines take %d mappings", got)
	}
	letter := 0
	for b.Start() == 0 {
		b.flood(t, &letter, 1)
	}
	if b.b.records >= int64(recordsIn(0)) {
		t.Fatalf("the first block was kept until there were %d records", b.b.records)
	}
	b.put(t, "and on")
	want, _ := b.Read(b.Start(), 2<<20)
	other := mustRestore(t, b.b)
	if got, missed := other.Read(b.Start(), 2<<20); !bytes.Equal(got, want) || missed != 0 {
		t.Errorf("restored %d bytes, missed %d, that differ from the %d that were kept", len(got), missed, len(want))
	}
	other.Discard()
	b.Discard()
	if left := mappings.Load() - before; left != 0 {
		t.Errorf("%d mappings are left", left)
	}
}

// TestFirstBlockInHandStays has a reader stall at the beginning of a stream, whose
// records go.
func TestFirstBlockInHandStays(t *testing.T) {
	o := Options{Window: 1 << 20, MaxWindow: 1 << 20}
	b := newBacked(t, o)
	b.put(t, "first\n")
	c := b.Subscribe(0)
	chunk, err := c.Poll()
	if err != nil {
		t.Fatal(err)
	}
	c.patient.gone = true // as Pace does in the end
	letter := 0
	b.flood(t, &letter, 400)
	if string(chunk.Data) != "first\n" || b.b.first == 0 {
		t.Errorf("in hand is %q; records are kept from page %d on", chunk.Data, b.b.first)
	}
	c.Close()
	page := make([]byte, filePage)
	if _, err := b.b.file.ReadAt(page, recordsBase); err != nil || len(bytes.Trim(page, "\x00")) > 0 {
		t.Errorf("the first page is still there, %v", err)
	}
	want, _ := b.Read(b.Start(), 2<<20)
	o.Backing = again(t, b.b)
	other, err := restored(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, missed := other.Read(b.Start(), 2<<20); !bytes.Equal(got, want) || missed != 0 {
		t.Errorf("restored %d bytes, missed %d, that differ from the %d that were kept", len(got), missed, len(want))
	}
}

// TestRetiredGivesBack holds that a retired Log with a reader that does not go on still
// gives memory back, and its file when the reader leaves.
func TestRetiredGivesBack(t *testing.T) {
	b := newBacked(t, Options{Window: 2 << 20, MaxWindow: 2 << 20})
	letter := 0
	b.flood(t, &letter, 30)
	c := b.Subscribe(0)
	b.Retire()
	before := b.b.held(t)
	b.release(1 << 20)
	if after := b.b.held(t); after > before-1<<19 {
		t.Errorf("the file has %d KiB of %d after 1 MiB was to go", after>>10, before>>10)
	}
	c.Close()
	if _, err := b.b.file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("nobody reads it any more, and its file is open: %v", err)
	}
}

// What a stream counts as kept does not grow by going on with it in another program.
func TestRestoredSize(t *testing.T) {
	memory := NewMemory(1 << 30)
	b := newBacked(t, Options{})
	for range 5000 {
		b.put(t, "0123456789\n")
	}
	l, err := restored(Options{Backing: again(t, b.b), Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, b := range l.store.blocks {
		size += b.size()
	}
	if l.store.size != size {
		t.Errorf("size is %d, the blocks have %d", l.store.size, size)
	}
	l.Discard()
	if memory.Used() != 0 {
		t.Errorf("%d are used after Discard", memory.Used())
	}
}

func TestNumberOfWhatIsNotKeptIsRestored(t *testing.T) {
	b := newBacked(t, Options{})
	b.put(t, "one\n")
	b.release(1 << 30)
	if l := mustRestore(t, b.b); l.Number() == 0 || l.Number() != b.Number() {
		t.Errorf("the number of the last read is %d, want %d", l.Number(), b.Number())
	}
}
