package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/gafferd/gaffer/httpapi/client"
)

// maxPending is the most of an unfinished line that waits for its end.
const maxPending = 1 << 20

// sink writes one of several streams to an output that they share: bytes as
// they are, or whole lines behind a prefix when there are several instances.
type sink struct {
	follower *follower
	to       io.Writer
	title    string
	pending  []byte // an unfinished line, while there is a prefix
}

// take writes a chunk, and tells of what is missing before it.
func (s *sink) take(chunk client.Chunk, label string) error {
	c := s.follower.cli
	c.mu.Lock()
	defer c.mu.Unlock()
	if chunk.Missed > 0 && (chunk.Offset > chunk.Missed || len(s.pending) > 0) {
		fmt.Fprintf(c.stderr, "gafferctl: %s %s: %d bytes were missed\n", s.title, label, chunk.Missed)
	}
	if !s.follower.prefix {
		_, err := s.to.Write(chunk.Data)
		return err
	}
	s.pending = append(s.pending, chunk.Data...)
	whole := bytes.LastIndexByte(s.pending, '\n') + 1
	if whole == 0 && len(s.pending) > maxPending {
		whole = len(s.pending)
	}
	err := s.print(s.pending[:whole])
	s.pending = append(s.pending[:0], s.pending[whole:]...)
	return err
}

// finish writes what is left when the stream has ended.
func (s *sink) finish() error {
	s.follower.cli.mu.Lock()
	defer s.follower.cli.mu.Unlock()
	return s.print(s.pending)
}

// print writes whole lines. cli.mu must be held.
func (s *sink) print(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	prefix := s.title + " | "
	if colored(s.to) {
		prefix = paint(s.title, nameColor(s.title)) + " | "
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString(prefix)
		out.Write(line)
	}
	if text[len(text)-1] != '\n' {
		out.WriteByte('\n')
	}
	_, err := s.to.Write(out.Bytes())
	return err
}
