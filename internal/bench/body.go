package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// body counts the payload of one connection: plain bytes until its end, or the
// body of a chunked HTTP response. It looks at framing only, so that reading
// costs about the same on either side.
type body struct {
	part   part
	left   int64  // of the chunk or of the line end behind it
	line   []byte // of the header or of a chunk's size, so far
	header bool   // of an HTTP response, has come whole
}

// part is where in a response the next byte belongs.
type part int

const (
	plain part = iota // no framing at all
	header
	size
	chunk
	chunkEnd
	trailer
	done
)

// take returns how much payload p brings.
func (b *body) take(p []byte) (payload int64, err error) {
	for len(p) > 0 {
		switch b.part {
		case plain:
			return int64(len(p)), nil
		case chunk:
			n := min(b.left, int64(len(p)))
			payload += n
			b.left -= n
			p = p[n:]
			if b.left == 0 {
				b.part, b.left = chunkEnd, 2
			}
		case chunkEnd:
			n := min(b.left, int64(len(p)))
			b.left -= n
			p = p[n:]
			if b.left == 0 {
				b.part = size
			}
		case done:
			return payload, fmt.Errorf("%d bytes behind the end", len(p))
		default:
			n := bytes.IndexByte(p, '\n')
			if n < 0 {
				b.line = append(b.line, p...)
				return payload, nil
			}
			line := bytes.TrimSuffix(append(b.line, p[:n]...), []byte{'\r'})
			b.line = b.line[:0]
			p = p[n+1:]
			if err := b.takeLine(line); err != nil {
				return payload, err
			}
		}
	}
	return payload, nil
}

// takeLine takes one line of the header, the trailer or a chunk's size.
func (b *body) takeLine(line []byte) error {
	switch b.part {
	case header:
		if bytes.HasPrefix(line, []byte("HTTP/")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("the answer is %s", line)
		}
		if len(line) == 0 {
			b.part, b.header = size, true
		}
	case size:
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(digits), 16, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("a chunk's size is %q", line)
		}
		b.part, b.left = chunk, n
		if n == 0 {
			b.part = trailer
		}
	case trailer:
		if len(line) == 0 {
			b.part = done
		}
	}
	return nil
}
