package process

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInputFile has messages of all sizes go through a file, some of them put there
// twice, because a program was killed in between, and by more than one program.
func TestInputFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []byte
	var reading sync.WaitGroup
	reading.Go(func() { got, _ = io.ReadAll(r) })
	f, err := newInputFile("stdin")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { f.close() }()
	var sent []byte
	for len(sent) < 3*inputPunch {
		p := make([]byte, 1+rand.IntN(100))
		switch rand.IntN(20) {
		case 0:
			p = make([]byte, 1+rand.IntN(pieceSize))
		case 1:
			p = make([]byte, pageSize-int64(len(sent))%pageSize) // to the end of the page
		}
		offset := int64(len(sent))
		for again := true; again; again = rand.IntN(10) == 0 {
			for i := range p {
				p[i] = byte(rand.Uint32())
			}
			if err := f.put(p, offset); err != nil {
				t.Fatal(err)
			}
			if rand.IntN(50) == 0 {
				f = nextProgram(t, f)
			}
			if got := f.accepted(); got != offset {
				t.Fatalf("%d bytes were accepted, and %d sent", got, offset)
			}
		}
		for left := len(p); left > 0; {
			n, err := f.send(int(w.Fd()), left)
			if err != nil {
				t.Fatal(err)
			}
			left -= n
		}
		sent = append(sent, p...)
		f.forget(offset, int64(len(sent)))
	}
	w.Close()
	reading.Wait()
	if !bytes.Equal(got, sent) {
		t.Error("what has come is not what was sent")
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if held := stat.Blocks * 512; held > 2*inputPunch+2*pieceSize {
		t.Errorf("the file holds %d bytes", held)
	}
}

// nextProgram is what another program makes of the file that it was handed.
func nextProgram(t *testing.T, f *inputFile) *inputFile {
	t.Helper()
	fd, err := unix.Dup(int(f.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	return &inputFile{file: os.NewFile(uintptr(fd), "stdin")}
}
