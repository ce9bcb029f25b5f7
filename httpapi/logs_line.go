package httpapi

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gafferd/gaffer/manager"
)

// What a line of a log begins with, and in which form JSON has the same time:
//
//	2015-02-16 02:02:43.930163178 +0000 UTC [web-1] text
//	2015-02-16T02:02:43.930163178Z
//
// The published clients of this API take lines apart by their blanks, and fail
// on one that lacks a part.
const (
	stampLayout = "2006-01-02 15:04:05.000000000"
	dateSize    = len("2006-01-02")
	zone        = " +0000 UTC"
)

// logEncoder writes the lines of one answer. It knows what came before.
type logEncoder struct {
	stamp [len(stampLayout)]byte // of the line in hand
	last  time.Time              // of the last line, whose stamp that is
	open  *logSource             // text only: whose line has no end yet

	// JSON only: what the text of a line stands between, up to its cursor. It is
	// the same for all lines of one write.
	from          logSource
	at            time.Time
	before, after []byte
	cursor        []byte // of the line in hand
}

// logSource is one output of one instance.
type logSource struct {
	pid    int
	stream string
}

// begin prepares the head of a line.
func (e *logEncoder) begin(l *manager.LogLine) {
	at := l.Time
	if l.Missed > 0 {
		at = e.last // in its place among the others
		if at.IsZero() {
			at = time.Now()
		}
	}
	if e.stamp[0] != 0 && at.Equal(e.last) {
		return // as of most lines of a flood
	}
	e.last = at
	at.UTC().AppendFormat(e.stamp[:0], stampLayout)
}

func (e *logEncoder) appendHead(b []byte, instance string) []byte {
	b = append(b, e.stamp[:]...)
	b = append(b, zone+" ["...)
	b = append(b, instance...)
	return append(b, "] "...)
}

// gapSource stands in the place of an instance in the lines that gaffer itself
// puts into a text: what is missing.
const gapSource = "gaffer"

// appendText appends a line of a dump, with its bytes as they are. The pieces of
// a long line are put together where nothing comes between them.
func (e *logEncoder) appendText(b []byte, l *manager.LogLine) []byte {
	from := logSource{l.PID, l.Stream}
	follows := e.open != nil && *e.open == from && l.Continuation
	if !follows {
		b = e.endText(b)
		e.begin(l)
		switch {
		case l.Missed > 0:
			b = e.appendHead(b, gapSource)
			b = strconv.AppendInt(b, l.Missed, 10)
			b = append(b, " bytes of "+l.Stream+" of "+l.Instance+" are no longer kept\n"...)
			return b
		case l.Continuation && !l.Partial && len(l.Text) == 0:
			return b // only the end of a line that has one here
		}
		b = e.appendHead(b, l.Instance)
	}
	b = append(b, l.Text...)
	if l.Partial {
		e.open = &from
		return b
	}
	e.open = nil
	return append(b, '\n')
}

// endText ends a line whose rest does not follow.
func (e *logEncoder) endText(b []byte) []byte {
	if e.open == nil {
		return b
	}
	e.open = nil
	return append(b, '\n')
}

// appendEvent appends a line as a server-sent event, whose id is its cursor.
func (e *logEncoder) appendEvent(b []byte, l *manager.LogLine) []byte {
	e.cursor = l.Cursor.AppendTo(e.cursor[:0])
	return e.appendEventAt(b, l)
}

// appendEvents appends an event for each of the lines of LogReader.Ahead, until there
// is a batch: n is how much of their text was taken.
func (e *logEncoder) appendEvents(b []byte, all *manager.LogLine) (_ []byte, n int) {
	line := *all
	before, at, after := all.Cursor.Split()
	for n < len(all.Text) && len(b) < logBatch {
		line.Text = all.Text[n:]
		line.Text = line.Text[:bytes.IndexByte(line.Text, '\n')]
		n += len(line.Text) + 1
		e.cursor = append(e.cursor[:0], before...)
		e.cursor = strconv.AppendInt(e.cursor, at+int64(n), 10)
		e.cursor = append(e.cursor, after...)
		b = e.appendEventAt(b, &line)
	}
	return b, n
}

// appendEventAt is appendEvent once the line's cursor is there.
func (e *logEncoder) appendEventAt(b []byte, l *manager.LogLine) []byte {
	b = append(b, "id: "...)
	b = append(b, e.cursor...)
	b = append(b, "\r\ndata: "...)
	b = e.appendObject(b, l)
	return append(b, "\r\n\r\n"...)
}

// appendJSON appends a line as an object.
func (e *logEncoder) appendJSON(b []byte, l *manager.LogLine) []byte {
	e.cursor = l.Cursor.AppendTo(e.cursor[:0])
	return e.appendObject(b, l)
}

// appendObject is appendJSON once the line's cursor is there.
func (e *logEncoder) appendObject(b []byte, l *manager.LogLine) []byte {
	e.begin(l)
	if l.Missed > 0 {
		b = appendLogEvent(b, "gap", e.stamp[:])
		b = append(b, `,"missed":`...)
		b = strconv.AppendInt(b, l.Missed, 10)
		b = append(b, `,"instance":"`...)
		b = append(b, l.Instance...)
		b = append(b, `","stream":"`...)
		b = append(b, l.Stream...)
		b = append(b, `","pid":`...)
		b = strconv.AppendInt(b, int64(l.PID), 10)
		b = append(b, `,"cursor":"`...)
		b = append(b, e.cursor...)
		return append(b, `"}`...)
	}
	e.prepare(l)
	b = append(b, e.before...)
	b = appendEscaped(b, l.Text)
	b = append(b, e.after...)
	b = append(b, e.cursor...)
	b = append(b, '"')
	if l.Partial {
		b = append(b, `,"partial":true`...)
	}
	if l.Continuation {
		b = append(b, `,"continuation":true`...)
	}
	return append(b, '}')
}

// prepare writes what stands before and after the text of a line, unless it is what
// stood there last.
func (e *logEncoder) prepare(l *manager.LogLine) {
	from := logSource{l.PID, l.Stream}
	if e.from == from && e.at.Equal(l.Time) {
		return
	}
	e.from, e.at = from, l.Time
	b := appendLogEvent(e.before[:0], "log", e.stamp[:])
	b = append(b, `,"log":"`...)
	e.before = e.appendHead(b, l.Instance)
	b = append(e.after[:0], `\n","stream":"`...)
	b = append(b, l.Stream...)
	b = append(b, `","pid":`...)
	b = strconv.AppendInt(b, int64(l.PID), 10)
	e.after = append(b, `,"cursor":"`...)
}

// appendSign appends an object that has nothing but its name: the ping that a feed
// sends when it has been silent, or the end.
func appendSign(b []byte, name string, now time.Time) []byte {
	stamp := now.UTC().AppendFormat(make([]byte, 0, len(stampLayout)), stampLayout)
	return append(appendLogEvent(b, name, stamp), '}')
}

// appendLogEvent begins an object. The name stands under both of the keys that
// clients look for it.
func appendLogEvent(b []byte, name string, stamp []byte) []byte {
	b = append(b, `{"name":"`...)
	b = append(b, name...)
	b = append(b, `","event":"`...)
	b = append(b, name...)
	b = append(b, `","timestamp":"`...)
	b = append(b, stamp[:dateSize]...)
	b = append(b, 'T')
	b = append(b, stamp[dateSize+1:]...)
	return append(b, `Z"`...)
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends text as what stands between the quotes of a JSON string,
// with U+FFFD in place of each byte that is not UTF-8.
func appendEscaped(b, text []byte) []byte {
	plain := 0 // text[plain:i] is yet to be copied
	for i := 0; i < len(text); {
		if n := plainPrefix(text[i:]); n > 0 {
			i += n
			continue
		}
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, text[plain:i]...)
				b = append(b, "\uFFFD"...)
				plain = i + 1
			}
			i += n
			continue
		}
		b = append(b, text[plain:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		plain = i
	}
	return append(b, text[plain:]...)
}

// plainPrefix is how many bytes text begins with that a JSON string has as they are:
// ASCII, but for control characters, quotes and backslashes. It looks at eight at
// once.
func plainPrefix(text []byte) (n int) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(text)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(text[n:])
		quotes, backslashes := w^('"'*ones), w^('\\'*ones)
		if (w|(w-' '*ones)|(quotes-ones)|(backslashes-ones))&highs != 0 {
			break
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] < utf8.RuneSelf && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}
