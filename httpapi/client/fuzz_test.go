package client

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzMessages reads server-sent events that a broken server may have sent.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("event: log\r\nid: 1\r\ndata: {}\r\n\r\n"))
	f.Add([]byte(":\r\n\r\ndata\ndata: x\n\n"))
	f.Add([]byte("data: {\"event\":\"log\",\"log\":\"2015-02-16 02:02:43.930163178 +0000 UTC [web-1] text\\n\"}\n\n"))
	f.Fuzz(func(t *testing.T, feed []byte) {
		in := newMessages(bytes.NewReader(feed))
		p := logParser{open: map[logSource]bool{}}
		for {
			m, err := in.next()
			if err != nil {
				return
			}
			if strings.ContainsAny(m.event+m.id, "\n") {
				t.Errorf("%q holds the end of a line", m.event+m.id)
			}
			if line, ok, err := p.parse(m); err == nil && ok && line.Missed <= 0 && line.Instance == "" && !bytes.Contains(m.data, []byte("[]")) {
				t.Errorf("%s is a line of nobody: %+v", m.data, line)
			}
		}
	})
}
