package client

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// message is one server-sent event.
type message struct {
	event, id string
	data      []byte // valid until the next message is read
}

// maxLine is the longest line of a feed that is accepted: more than a piece of
// output of 1 MiB takes with each of its bytes escaped, and a bound on what a
// broken server can make us keep.
const maxLine = 16 << 20

// messages reads server-sent events. Comments, which keep the connection
// alive, are skipped.
type messages struct {
	lines *bufio.Scanner
	data  []byte
}

func newMessages(r io.Reader) *messages {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4<<10), maxLine)
	return &messages{lines: s}
}

// next returns the next message. io.EOF means that the feed ended properly; a
// message that was cut off by the end is dropped, as it will be sent again.
func (m *messages) next() (message, error) {
	var msg message
	m.data = m.data[:0]
	some := false
	for m.lines.Scan() {
		line := m.lines.Bytes() // Scanner takes a CR before the LF away
		if len(line) == 0 {
			if some {
				msg.data = bytes.TrimSuffix(m.data, []byte{'\n'})
				return msg, nil
			}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "event":
			msg.event = string(value)
		case "id":
			msg.id = string(value)
		case "data":
			m.data = append(append(m.data, value...), '\n')
			some = true
		}
	}
	if err := m.lines.Err(); err != nil {
		return message{}, fmt.Errorf("event feed: %w", err)
	}
	return message{}, io.EOF
}
