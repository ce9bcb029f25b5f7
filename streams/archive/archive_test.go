package archive

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// keeper is a Dir with what it shares with its logs.
type keeper struct {
	*Dir
	seq  streams.Sequence
	bell streams.Bell
}

func open(t testing.TB, dir string, l Limits) *keeper {
	t.Helper()
	k := new(keeper)
	d, err := Open(dir, Options{Limits: l, Sequence: &k.seq, Bell: &k.bell})
	if err != nil {
		t.Fatal(err)
	}
	k.Dir = d
	return k
}

// start makes an instance with two streams of little memory.
func (k *keeper) start(pid int) (f *File, out, err *streams.Log) {
	f = k.Create("app", "app:web", pid, []byte("meta"))
	o := streams.Options{Window: 4 << 10, MaxWindow: 64 << 20, Sequence: &k.seq, Bell: &k.bell}
	o.Archive = f.Stdout()
	out = streams.NewLog(o)
	o.Archive = f.Stderr()
	err = streams.NewLog(o)
	k.Follow(f, out, err)
	return f, out, err
}

// all reads a log from the oldest byte to the end.
func all(t *testing.T, l *streams.Log, from int64) (data []byte, missed int64) {
	t.Helper()
	c := l.Subscribe(from)
	defer c.Close()
	for chunk, err := range c.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, chunk.Data...)
		missed += chunk.Missed
	}
	return data, missed
}

// output makes what a process might write: text, binary, long lines, progress
// bars, nothing but line ends.
func output(rng *rand.Rand) []byte {
	switch rng.IntN(6) {
	case 0:
		return bytes.Repeat([]byte{'\n'}, rng.IntN(5))
	case 1:
		return []byte(fmt.Sprintf("\r%3d %%", rng.IntN(100)))
	case 2:
		b := make([]byte, rng.IntN(3000))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	case 3:
		return bytes.Repeat([]byte("long "), rng.IntN(20_000))
	default:
		return []byte(fmt.Sprintf("line %d\n", rng.Uint32()))
	}
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{Size: 1 << 30, Segment: 1 << 20})
	_, out, err := k.start(7)
	rng := rand.New(rand.NewPCG(3, 4))
	var wantOut, wantErr []byte
	for range 250 {
		a, b := output(rng), output(rng)
		wantOut, wantErr = append(wantOut, a...), append(wantErr, b...)
		out.Write(a)
		err.Write(b)
	}
	out.Close()
	err.Close()
	check := func(which string, l *streams.Log, want []byte) {
		t.Helper()
		for _, from := range []int64{0, 1, 1000, int64(len(want)) / 2, int64(len(want)) - 3} {
			if got, missed := all(t, l, from); missed != 0 || !bytes.Equal(got, want[from:]) {
				t.Errorf("%s from %d: %d bytes, %d missed, want %d; equal %v", which, from, len(got), missed, len(want)-int(from), bytes.Equal(got, want[from:]))
			}
		}
		if got := l.TailLines(1 << 30); got != 0 {
			t.Errorf("%s: its first line begins at %d", which, got)
		}
		tail := l.TailLines(100)
		if got, _ := all(t, l, tail); !bytes.Equal(got, want[tail:]) {
			t.Errorf("%s: the tail is wrong", which)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = open(t, dir, Limits{Size: 1 << 30, Segment: 1 << 20})
	defer k.Close()
	files := k.Files("app:web")
	if len(files) != 1 || files[0].PID() != 7 || string(files[0].Meta()) != "meta" || k.LastPID() != 7 {
		t.Fatalf("found %v", files)
	}
	if n := len(files[0].segments); n < 2 {
		t.Errorf("%d segments: nothing was rotated", n)
	}
	check("stdout", streams.Archived(files[0].Stdout()), wantOut)
	check("stderr", streams.Archived(files[0].Stderr()), wantErr)
	if k.seq.Last() < 500-10 {
		t.Errorf("numbers go on behind %d", k.seq.Last())
	}
}

// The live log is read across the seam of memory and disk.
func TestReadersContinueFromDisk(t *testing.T) {
	k := open(t, t.TempDir(), Limits{})
	defer k.Close()
	f, out, err := k.start(1)
	defer err.Close()
	var want bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(io.MultiWriter(out, &want), "%d\n", i)
	}
	waitFor(t, &k.bell, func() bool { return f.Stdout().End() == out.End() })
	fmt.Fprint(io.MultiWriter(out, &want), "last\n")
	out.Close()
	if got, missed := all(t, out, 0); missed != 0 || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d bytes, missed %d, of %d", len(got), missed, want.Len())
	}
	if out.Start() != 0 {
		t.Errorf("starts at %d", out.Start())
	}
}

// waitFor waits until ok, looking whenever something was written to a log.
func waitFor(t *testing.T, _ *streams.Bell, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}

// criLines reads a file as the definition of the format says, and nothing else:
// a time, a stream, a tag and the text, with single spaces between.
func criLines(t *testing.T, name string) (text map[string]string, lines int) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text = make(map[string]string)
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" {
			return text, lines
		}
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if err != nil || len(parts) != 4 {
			t.Fatalf("not a record: %q", line)
		}
		if _, err := time.Parse(time.RFC3339Nano, parts[0]); err != nil {
			t.Fatal(err)
		}
		if len(parts[3]) > 16<<10 {
			t.Fatalf("a piece of %d bytes", len(parts[3]))
		}
		text[parts[1]] += parts[3]
		switch parts[2] {
		case "F":
			text[parts[1]] += "\n"
		case "P":
		default:
			t.Fatalf("tag %q", parts[2])
		}
		lines++
	}
}

// Lines have the same numbers from disk as from memory, whatever ends them.
func TestNumbersAreThoseOfMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	pieces := []string{"a", "bc", "\r", "\n", "\r\n", "10%\r", "\r 20%", "d\ne\rf", "g\rh\n", strings.Repeat("long ", 1<<12)}
	for round := range 20 {
		dir := t.TempDir()
		k := open(t, dir, Limits{})
		f := k.Create("app", "app:web", 1, nil)
		var logs [2]*streams.Log
		for i := range logs {
			logs[i] = streams.NewLog(streams.Options{Sequence: &k.seq, Bell: &k.bell})
		}
		k.Follow(f, logs[0], logs[1])
		for range 100 {
			var write []byte
			for range 1 + rng.IntN(3) {
				write = append(write, pieces[rng.IntN(len(pieces))]...)
			}
			logs[rng.IntN(2)].Write(write)
		}
		first := rng.IntN(2) // the one that ends before the other has said its last
		logs[first].Write([]byte(pieces[rng.IntN(len(pieces))]))
		logs[first].Close()
		if rng.IntN(2) == 0 {
			logs[1-first].Write([]byte("the last of both, without an end"))
		}
		logs[1-first].Close()
		must(t, k.Close())
		k = open(t, dir, Limits{})
		f = k.Files("app:web")[0]
		for i, a := range []streams.Archive{f.Stdout(), f.Stderr()} {
			want, numbers := numbered(t, logs[i])
			got, kept := numbered(t, streams.Archived(a))
			if len(got) != len(want) {
				t.Fatalf("round %d, stream %d: %d lines, want %d", round, i, len(got), len(want))
			}
			for n := range want {
				if got[n] != want[n] || kept[n] != numbers[n] {
					t.Fatalf("round %d, stream %d: line %d is %.99q of write %d, want %.99q of %d", round, i, n, got[n], kept[n], want[n], numbers[n])
				}
			}
		}
		must(t, k.Close())
	}
}

func TestOthersCanReadTheFormat(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	_, out, err := k.start(3)
	long := strings.Repeat("x", 40_000)
	fmt.Fprint(out, "one\n", long, "\nunfinished")
	fmt.Fprint(err, "two\r\n10%\r20%\r30%") // a record for each of two, those with CR, and the rest
	out.Close()
	err.Close()
	k.Close()
	text, lines := criLines(t, filepath.Join(dir, "app/app:web/3.log"))
	if text["stdout"] != "one\n"+long+"\nunfinished" || text["stderr"] != "two\r\n10%\r20%\r30%" || lines != 8 {
		t.Errorf("%d records, stderr %q, %d bytes of stdout", lines, text["stderr"], len(text["stdout"]))
	}
}

// Wherever the files are cut off, what is before is whole and can be read.
func TestMendsAfterACrash(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	_, out, err := k.start(1)
	var wantOut, wantErr bytes.Buffer
	for i := range 40 {
		fmt.Fprintf(io.MultiWriter(out, &wantOut), "out %d\n", i)
		fmt.Fprintf(io.MultiWriter(err, &wantErr), "err %d\n", i)
	}
	out.Close()
	err.Close()
	k.Close()
	name := filepath.Join(dir, "app/app:web/1")
	log, _ := os.ReadFile(name + ".log")
	idx, _ := os.ReadFile(name + ".idx")
	rng := rand.New(rand.NewPCG(5, 6))
	for cut := 0; cut <= len(log); cut += 1 + rng.IntN(30) {
		os.MkdirAll(filepath.Dir(name), 0o700)
		os.WriteFile(name+".log", log[:cut], 0o600)
		head := len(idx) - 80*entrySize
		os.WriteFile(name+".idx", idx[:head+rng.IntN(len(idx)-head+1)], 0o600)
		k := open(t, dir, Limits{})
		var lines int
		if len(k.Files("app:web")) == 0 {
			if bytes.Contains(log[:cut], []byte("\n")) {
				t.Errorf("cut at %d: nothing is left", cut)
			}
			k.Close()
			continue
		}
		for i, want := range []*bytes.Buffer{&wantOut, &wantErr} {
			f := k.Files("app:web")[0]
			a := []streams.Archive{f.Stdout(), f.Stderr()}[i]
			got, missed := all(t, streams.Archived(a), 0)
			if missed != 0 || !bytes.HasPrefix(want.Bytes(), got) {
				t.Fatalf("cut at %d: %q, missed %d", cut, got, missed)
			}
			lines += bytes.Count(got, []byte("\n"))
		}
		if want := bytes.Count(log[:cut], []byte("\n")); lines != want {
			t.Errorf("cut at %d: %d lines of %d are left", cut, lines, want)
		}
		k.Close()
	}
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{Size: 100 << 10, Segment: 10 << 10})
	for pid := range 4 {
		_, out, err := k.start(pid + 1)
		for i := range 2000 {
			fmt.Fprintf(out, "%d of instance %d\n", i, pid)
		}
		out.Close()
		err.Close()
		waitFor(t, &k.bell, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.live) == 0 })
	}
	k.retainAll(time.Now())
	var size int64
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".log") {
			info, _ := e.Info()
			size += info.Size()
		}
		return nil
	})
	if size > 100<<10 || size < 80<<10 {
		t.Errorf("%d bytes are kept", size)
	}
	k.Close()
	old := open(t, dir, Limits{Age: time.Nanosecond})
	if files := old.Files("app:web"); len(files) != 0 {
		t.Errorf("kept in spite of their age: %d files", len(files))
	}
	if old.Close(); old.LastPID() != 4 {
		t.Errorf("the last pid is %d", old.LastPID())
	}
}

// When the disk fails nobody waits for it; when it works again, what is missing
// is told to readers and in the file.
func TestDiskFailure(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "app") // where a folder is to be
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var seq streams.Sequence
	var bell streams.Bell
	told := make(chan error, 10)
	d, err := Open(dir, Options{Sequence: &seq, Bell: &bell, Failed: func(err error) { told <- err }})
	if err != nil {
		t.Fatal(err)
	}
	f := d.Create("app", "app:web", 1, nil)
	l := streams.NewLog(streams.Options{Window: 4 << 10, MaxWindow: 4 << 10, Sequence: &seq, Bell: &bell, Archive: f.Stdout()})
	d.Follow(f, l, nil)
	fmt.Fprint(l, "first\n")
	if err := <-told; err == nil {
		t.Fatal("told of a success first")
	}
	for i := range 5000 {
		fmt.Fprintf(l, "%d\n", i)
	}
	os.Remove(blocked)
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(l, "last\n")
	l.Close()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	text, _ := criLines(t, filepath.Join(dir, "app/app:web/1.log"))
	if got := text["stdout"]; !strings.HasPrefix(got, "first\n") || !strings.HasSuffix(got, "\nlast\n") ||
		!strings.Contains(got, "bytes of stdout were not logged\n") {
		t.Errorf("the file says %.200q", got)
	}
	d, err = Open(dir, Options{Sequence: &seq, Bell: &bell})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	old := streams.Archived(d.Files("app:web")[0].Stdout())
	if got, missed := all(t, old, 0); missed == 0 || int64(len(got))+missed != l.End() || !bytes.HasSuffix(got, []byte("last\n")) {
		t.Errorf("got %d bytes and missed %d of %d", len(got), missed, l.End())
	}
	lines, _ := numbered(t, old)
	if n := len(lines) - 1; old.TailLines(n) != 0 || old.TailLines(n-1) == 0 { // one of them is the gap
		t.Errorf("%d lines back is %d, %d lines back %d", n, old.TailLines(n), n-1, old.TailLines(n-1))
	}
	if _, missed := old.Read(1, 10); missed != 0 {
		t.Errorf("missed %d inside of what is there", missed)
	}
}
