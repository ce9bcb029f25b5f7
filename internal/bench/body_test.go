package main

import (
	"strings"
	"testing"
)

// response is what an HTTP server sends; its payload is 11 bytes.
const response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6; x=y\r\n\r\n0\r\n\r\r\n0\r\nTrailer: 1\r\n\r\n"

func TestBodyCountsPayloadWhereverReadsMeet(t *testing.T) {
	for first := range len(response) {
		for _, second := range []int{1, 7, len(response)} {
			b := body{part: header}
			var got int64
			for text := response; text != ""; {
				n := min(len(text), second)
				if text == response && first > 0 {
					n = first
				}
				payload, err := b.take([]byte(text[:n]))
				if err != nil {
					t.Fatalf("reads of %d and %d: %v", first, second, err)
				}
				got += payload
				text = text[n:]
			}
			if got != 11 || !b.mayEnd() || !b.header {
				t.Fatalf("reads of %d and %d: %d bytes, ended %v", first, second, got, b.mayEnd())
			}
		}
	}
}

func TestBodyOfPlainBytes(t *testing.T) {
	var b body
	if n, err := b.take([]byte("HTTP/1.1 500\r\n")); n != 14 || err != nil || !b.mayEnd() {
		t.Error(n, err, b.mayEnd())
	}
}

func TestBodyEndsEarly(t *testing.T) {
	b := body{part: header}
	if _, err := b.take([]byte(strings.TrimSuffix(response, "\r\n"))); err != nil || b.mayEnd() {
		t.Errorf("without its last bytes it ended %v, %v", b.mayEnd(), err)
	}
}

func TestBodyRefuses(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 404 Not Found\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nten\r\n",
		"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\nmore",
	} {
		b := body{part: header}
		if _, err := b.take([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
