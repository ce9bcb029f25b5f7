package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// pieces are what texts may have in them that is not as plain as the rest.
var pieces = []string{"plain text of some length", "\"", "\\", "\t", "\x00", "\x1f", " ", "\x7f", "ü", "€", "𝄞", "\xff", "\xc3", "\xe2\x82", "<&>", "\u2028", "a"}

func randomText() (text []byte) {
	for range rand.IntN(12) {
		text = append(text, pieces[rand.IntN(len(pieces))]...)
	}
	return text
}

// asUTF8 is text with U+FFFD in place of each byte that is not UTF-8.
func asUTF8(text []byte) string { return string([]rune(string(text))) }

func TestTextsAreEscaped(t *testing.T) {
	for range 20_000 {
		text := randomText()
		escaped := append(appendEscaped([]byte{'"'}, text), '"')
		var got string
		if err := json.Unmarshal(escaped, &got); err != nil || got != asUTF8(text) {
			t.Fatalf("%q is %s: %q, %v", text, escaped, got, err)
		}
		if n := plainPrefix(text); bytes.ContainsFunc(text[:n], func(r rune) bool { return r < ' ' || r > 0x7f || r == '"' || r == '\\' }) {
			t.Fatalf("%q begins with %d plain bytes", text, n)
		}
	}
}

// Events that are written together are those that are written one by one.
func TestEventsOfManyLines(t *testing.T) {
	for range 2000 {
		var all, want []byte
		cursor, err := manager.ParseLogCursor("1764362000000000123.7.1.1000-8.2.30.17")
		if err != nil {
			t.Fatal(err)
		}
		line := manager.LogLine{PID: 7, Instance: "web-1", Stream: "stdout", Time: time.Unix(0, rand.Int64N(1<<60)), Cursor: cursor}
		ofLogs, wantOfLogs := sseEvent(nil), []byte(nil)
		var one, many logEncoder
		before, at, after := cursor.Split()
		for range rand.IntN(5) {
			text := bytes.ReplaceAll(randomText(), []byte{'\n'}, nil)
			all = append(append(all, text...), '\n')
			at += int64(len(text) + 1)
			want = append(want, sseEvent(nil).field("event", "stdout").id(at).data(text).end()...)
			line.Text = text
			if line.Cursor, err = manager.ParseLogCursor(fmt.Sprint(before, at, after)); err != nil {
				t.Fatal(err)
			}
			wantOfLogs = one.appendEvent(wantOfLogs, &line)
		}
		got, n := sseEvent(nil).lines("event: stdout\r\nid: ", streams.Run{Offset: 1000, Text: all})
		if n != len(all) || string(got) != string(want) {
			t.Fatalf("%d of %q are\n%q, want\n%q", n, all, got, want)
		}
		line.Text, line.Cursor = all, cursor
		ofLogs, n = many.appendEvents(ofLogs, &line)
		if n != len(all) || string(ofLogs) != string(wantOfLogs) {
			t.Fatalf("%d of %q are\n%q, want\n%q", n, all, ofLogs, wantOfLogs)
		}
	}
}

// A batch ends with a line, and says how many it has.
func TestBatchesEnd(t *testing.T) {
	all := bytes.Repeat([]byte("x\n"), batch)
	e, n := sseEvent(nil).lines("id: ", streams.Run{Text: all})
	if lines := bytes.Count(e, []byte("data: x\r\n\r\n")); len(e) < batch || len(e) > batch+100 || n != 2*lines {
		t.Errorf("%d bytes with %d lines for %d bytes", len(e), lines, n)
	}
	b, n := new(logEncoder).appendEvents(nil, &manager.LogLine{Text: all, Time: time.Now()})
	if lines := bytes.Count(b, []byte("\r\n\r\n")); len(b) < batch || len(b) > batch+400 || n != 2*lines {
		t.Errorf("%d bytes with %d lines for %d bytes", len(b), lines, n)
	}
}

// Only buffers that hold a batch are kept for those that have much to send.
func TestBuffersHoldABatch(t *testing.T) {
	for size := smallBatch / 2; size < 8*batch; size += 1000 {
		if b := reuse(make([]byte, size)); cap(b) > smallBatch {
			t.Fatalf("one who is idle keeps %d bytes", cap(b))
		}
		if b := roomy(nil); cap(b) < batch || cap(b) > 2*batch {
			t.Fatalf("there is room for %d bytes", cap(b))
		}
	}
}
