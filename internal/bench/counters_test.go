package main

import (
	"strings"
	"testing"
)

// TestCountersWhereverReadsMeet gives each counter its text in pieces of every
// size.
func TestCountersWhereverReadsMeet(t *testing.T) {
	line := strings.Repeat(string(rune(filler)), 9) + "\n"
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		make func() counter
		text string
		want int64
	}{
		"lines": {
			func() counter { return &lines{line: 10, want: 20} },
			"HTTP/1.1 200 OK\r\nA: ~\r\n\r\n2a\r\nevent: stdout\r\nid: 10\r\ndata: " + line + "\r\nevent: stdout\r\nid: 20\r\ndata: " + line, 20,
		},
		"frames": {
			func() counter { return &frames{want: 303} },
			"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x03abc\x89\x02hi\x82\x7e\x01\x2c" + long, 303,
		},
		"long frames": {
			func() counter { return &frames{want: 300} },
			"HTTP/1.1 101 Switching Protocols\r\n\r\n\x82\x7f\x00\x00\x00\x00\x00\x00\x01\x2c" + long, 300,
		},
	} {
		for size := 1; size <= len(c.text); size++ {
			counter, got := c.make(), int64(0)
			for at := 0; at < len(c.text); at += size {
				n, err := counter.take([]byte(c.text[at:min(at+size, len(c.text))]))
				if err != nil {
					t.Fatalf("%s, reads of %d: %v", name, size, err)
				}
				got += n
			}
			if got != c.want || !counter.started() || !counter.ended() {
				t.Fatalf("%s, reads of %d: %d bytes, started %v, ended %v", name, size, got, counter.started(), counter.ended())
			}
		}
	}
}

func TestCountersRefuse(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 101 OK\r\n\r\n\x81\x83abcd"} {
		if _, err := (&frames{want: 3}).take([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
