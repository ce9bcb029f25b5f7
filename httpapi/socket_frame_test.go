package httpapi

import (
	"testing"

	"github.com/coder/websocket"
)

func TestFrameHeads(t *testing.T) {
	for size, want := range map[int]string{
		0:         "\x81\x00",
		125:       "\x81\x7d",
		126:       "\x81\x7e\x00\x7e",
		1<<16 - 1: "\x81\x7e\xff\xff",
		1 << 16:   "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
	} {
		if got := string(appendFrameHead(nil, websocket.MessageText, size)); got != want {
			t.Errorf("%d bytes: got %x, want %x", size, got, want)
		}
	}
}
