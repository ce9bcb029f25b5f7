package main

import (
	"bytes"
	"errors"
	"fmt"
)

// The forms in which payload comes.
const (
	formBytes  = "bytes"
	formLines  = "lines"
	formFrames = "frames"
)

// request is what to send for a path; nothing for none.
func request(addr, path, form string) string {
	if path == "" {
		return ""
	}
	text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", path, addr)
	if form == formFrames {
		text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	}
	return text + "\r\n"
}

// counter counts the payload of one connection.
type counter interface {
	take(p []byte) (payload int64, err error)
	started() bool // the header has come whole, if there is one
	ended() bool   // nothing will come any more
	mayEnd() bool  // the connection may end here
}

// head is the header of an HTTP response.
type head struct {
	text  []byte
	whole bool
}

// take returns what of p is behind the header.
func (h *head) take(p []byte) ([]byte, error) {
	if h.whole {
		return p, nil
	}
	h.text = append(h.text, p...)
	text, rest, whole := bytes.Cut(h.text, []byte("\r\n\r\n"))
	if !whole {
		return nil, nil
	}
	status, _, _ := bytes.Cut(text, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) && !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return nil, fmt.Errorf("the answer is %s", status)
	}
	h.whole, h.text = true, nil
	return rest, nil
}

// lines counts lines of a child's flood in text that has other things around
// them, by what they are made of: that costs the reader next to nothing.
type lines struct {
	head
	line  int64 // bytes of each
	want  int64 // bytes of all
	marks int64 // so far
}

func (l *lines) take(p []byte) (int64, error) {
	p, err := l.head.take(p)
	before := l.payload()
	l.marks += int64(bytes.Count(p, []byte{filler}))
	return l.payload() - before, err
}

func (l *lines) payload() int64 { return l.marks + l.marks/(l.line-1) }

func (l *lines) started() bool { return l.whole }
func (l *lines) ended() bool   { return l.payload() >= l.want }
func (l *lines) mayEnd() bool  { return l.ended() }

// frames counts what the messages of a websocket hold that a server sends.
type frames struct {
	head
	want    int64 // bytes of all
	got     int64
	begun   []byte // of a frame's head
	left    int64  // of a frame
	control bool   // that frame is none of a message
}

func (f *frames) take(p []byte) (payload int64, err error) {
	if p, err = f.head.take(p); err != nil {
		return 0, err
	}
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, int64(len(p)))
			f.left -= n
			p = p[n:]
			if !f.control {
				payload += n
			}
			continue
		}
		f.begun = append(f.begun, p[0])
		p = p[1:]
		size, whole := frameSize(f.begun)
		if !whole {
			continue
		}
		if f.begun[1]&0x80 != 0 {
			return payload, errors.New("a server's frame is masked")
		}
		f.left, f.control = size, f.begun[0]&0x08 != 0
		f.begun = f.begun[:0]
	}
	f.got += payload
	return payload, nil
}

// frameSize reads the head of a frame, as far as that is there.
func frameSize(head []byte) (size int64, whole bool) {
	if len(head) < 2 {
		return 0, false
	}
	more := 0
	switch size = int64(head[1] & 0x7f); size {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if len(head) < 2+more {
		return 0, false
	}
	if more > 0 {
		size = 0
	}
	for _, b := range head[2 : 2+more] {
		size = size<<8 | int64(b)
	}
	return size, true
}

func (f *frames) started() bool { return f.whole }
func (f *frames) ended() bool   { return f.got >= f.want }
func (f *frames) mayEnd() bool  { return f.ended() }

func (b *body) started() bool { return b.part == plain || b.header }
func (b *body) ended() bool   { return b.part == done }
func (b *body) mayEnd() bool  { return b.part == plain || b.part == done }
