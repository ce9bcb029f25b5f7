package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

func init() {
	children["babble"] = babbleAll
}

// babble is output without an end, the same every time for each name: numbered
// lines of most lengths, some longer than a record of a log, and some bytes that
// are no text.
type babble struct {
	name  string
	lines int
	bytes *rand.ChaCha8
	rest  []byte
}

func newBabble(name string) *babble {
	var seed [32]byte
	copy(seed[:], name)
	return &babble{name: name, bytes: rand.NewChaCha8(seed)}
}

func (b *babble) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		b.rest = b.line()
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *babble) line() []byte {
	b.lines++
	text := fmt.Appendf(nil, "%s %d ", b.name, b.lines)
	dice := rand.New(b.bytes)
	switch dice.IntN(200) {
	case 0:
		text = append(text, make([]byte, dice.IntN(50_000))...)
	case 1:
		noise := make([]byte, dice.IntN(300))
		b.bytes.Read(noise)
		text = append(text, noise...)
	default:
		for range dice.IntN(150) {
			text = append(text, 'a'+byte(dice.IntN(26)))
		}
	}
	return append(text, '\n')
}

// babbleAll writes to stdout and stderr in turn, in pieces that take no care of
// lines: BYTES or a little more, and then nothing.
func babbleAll() {
	stdout, stderr := newBabble("stdout"), newBabble("stderr")
	write := func(to io.Writer, from io.Reader, most int64) int64 {
		n, err := io.CopyN(to, from, 1+rand.Int64N(most))
		if err != nil {
			os.Exit(1)
		}
		return n
	}
	for left := number("BYTES"); left > 0; {
		for range 3 {
			left -= write(os.Stdout, stdout, 20_000)
		}
		left -= write(os.Stderr, stderr, 5_000)
	}
	time.Sleep(time.Hour)
}
