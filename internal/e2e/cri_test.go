package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// criRecord is one line of a log file, read by the definition of the format
// alone: a time as RFC 3339 has it with nanoseconds, the stream, tags with
// colons between them whose first is P or F, the text; a blank between each two,
// and a newline behind.
type criRecord struct {
	time    time.Time
	stream  string
	partial bool // P: the line goes on in the next record of that stream
	text    []byte
}

// criRecords are the records of a file. half is what stands behind the last
// newline.
func criRecords(file []byte) (records []criRecord, half []byte, err error) {
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(file, []byte("\n"))
		if !whole {
			return records, line, nil
		}
		file = rest
		parts := bytes.SplitN(line, []byte(" "), 4)
		if len(parts) < 4 {
			return records, nil, fmt.Errorf("line %d: not four parts: %.80q", n, line)
		}
		r := criRecord{stream: string(parts[1]), text: parts[3]}
		if r.time, err = time.Parse(time.RFC3339Nano, string(parts[0])); err != nil {
			return records, nil, fmt.Errorf("line %d: %w", n, err)
		}
		if r.stream != "stdout" && r.stream != "stderr" {
			return records, nil, fmt.Errorf("line %d: there is no stream %q", n, r.stream)
		}
		switch tag, _, _ := strings.Cut(string(parts[2]), ":"); tag {
		case "P":
			r.partial = true
		case "F":
		default:
			return records, nil, fmt.Errorf("line %d: there is no tag %q", n, tag)
		}
		records = append(records, r)
	}
}

// output is what the process wrote that the record stands for.
func (r *criRecord) output() []byte {
	if r.partial {
		return r.text
	}
	return append(r.text[:len(r.text):len(r.text)], '\n')
}
