package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func FuzzRecord(f *testing.F) {
	f.Add([]byte("2015-02-16T02:02:43.930163178Z stdout F text"))
	f.Add([]byte("2015-02-16T02:02:43.930163178Z stderr P "))
	f.Add([]byte("2015-02-30T02:02:43.930163178Z stdout F"))
	f.Fuzz(func(t *testing.T, line []byte) {
		var p parser
		r, err := p.parse(line)
		if err != nil {
			return
		}
		if got := r.appendTo(nil, &stamp{}); !bytes.Equal(got, append(bytes.Clone(line), '\n')) {
			// Times that do not fit into 64 bits of nanoseconds are nobody's.
			if at, err := time.Parse(timeLayout, string(line[:len(timeLayout)])); err == nil && at.Year() > 1677 && at.Year() < 2262 {
				t.Errorf("%q is written back as %q", line, got)
			}
		}
	})
}

// FuzzFiles reads a log and an index that anybody may have written.
func FuzzFiles(f *testing.F) {
	dir := f.TempDir()
	k := open(f, dir, Limits{})
	_, out, stderr := k.start(1)
	out.Write([]byte("one\ntwo\nrest"))
	stderr.Write([]byte("error\n"))
	out.Close()
	stderr.Close()
	if err := k.Close(); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join("app", "app:web", "1")
	log, err := os.ReadFile(filepath.Join(dir, name+".log"))
	if err != nil {
		f.Fatal(err)
	}
	idx, err := os.ReadFile(filepath.Join(dir, name+".idx"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(log, idx)
	f.Add(log[:len(log)/2], idx)
	f.Add(log, idx[:len(idx)-entrySize/2])
	f.Add([]byte{}, idx)
	f.Fuzz(func(t *testing.T, log, idx []byte) {
		dir := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(dir, "app", "app:web"), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name+".log"), log, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, name+".idx"), idx, 0o600))
		k := new(keeper)
		d, err := Open(dir, Options{Sequence: &k.seq, Bell: &k.bell})
		if err != nil {
			return
		}
		defer d.Close()
		for _, file := range d.Files("app:web") {
			for _, s := range []streams.Archive{file.Stdout(), file.Stderr()} {
				for offset := s.Start(); offset < s.End(); {
					c, ok, err := s.Read(offset)
					if err != nil || !ok {
						break
					}
					if c.Offset < offset || len(c.Data) == 0 {
						t.Fatalf("at %d there are %d bytes of %d", offset, len(c.Data), c.Offset)
					}
					offset = c.Offset + int64(len(c.Data))
				}
				s.Search(func(m streams.Mark) bool { return m.Number > 1 })
			}
		}
	})
}
