package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
)

// children are the programs that tests have gafferd run: the test binary itself
// with E2E_CHILD set.
var children = map[string]func(){
	"flood":    flood,
	"lines":    numberLines,
	"longline": longLine,
	"dying":    dieWriting,
	"echo":     func() { io.Copy(os.Stdout, os.Stdin) },
	"digest":   digestMessages,
}

func number(name string) int64 {
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return n
}

// noise is the same n random bytes every time.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

// noiseSum is noise's SHA-256.
func noiseSum(n int64) [sha256.Size]byte {
	h := sha256.New()
	io.Copy(h, noise(n))
	return [sha256.Size]byte(h.Sum(nil))
}

// awaitLine returns when there is a line on stdin: the test is ready.
func awaitLine() {
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// flood writes BYTES of noise as fast as it can.
func flood() {
	awaitLine()
	io.CopyBuffer(struct{ io.Writer }{os.Stdout}, noise(number("BYTES")), make([]byte, 64<<10))
}

// numberLines writes LINES numbered lines, one write each.
func numberLines() {
	awaitLine()
	for i := range number("LINES") {
		fmt.Println("line", i)
	}
}

// longLine writes one line of BYTES, and a short one without an end.
func longLine() {
	awaitLine()
	piece := bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	for left := number("BYTES"); left > 0; left -= int64(len(piece)) {
		os.Stdout.Write(piece[:min(left, int64(len(piece)))])
	}
	os.Stdout.WriteString("\nno newline at the end")
}

// dieWriting ends in the moment in which it has written.
func dieWriting() {
	awaitLine()
	os.Stdout.WriteString("the last words")
	os.Stderr.WriteString("the reason")
	os.Exit(1)
}

// digestMessages answers each message on stdin, BYTES long, with its SHA-256.
func digestMessages() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		h := sha256.New()
		if _, err := io.CopyN(h, in, number("BYTES")); err != nil {
			return
		}
		fmt.Printf("%x\n", h.Sum(nil))
	}
}
