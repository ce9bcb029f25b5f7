package httpapi

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/gafferd/gaffer/streams"
)

const (
	sseType = "text/event-stream"

	// sseBeat is a comment and an empty line, which every client skips.
	sseBeat = ":\r\n\r\n"
)

// sseEvent is the text of server-sent events, one behind the other. Lines end
// in CRLF, as gaffer's did.
type sseEvent []byte

func (e sseEvent) field(name, value string) sseEvent {
	e = append(e, name...)
	e = append(e, ": "...)
	e = append(e, value...)
	return append(e, "\r\n"...)
}

func (e sseEvent) id(id int64) sseEvent {
	e = append(e, "id: "...)
	e = strconv.AppendInt(e, id, 10)
	return append(e, "\r\n"...)
}

// data adds text, which has no line ends in it, with U+FFFD in place of each
// byte that is not UTF-8.
func (e sseEvent) data(text []byte) sseEvent {
	e = append(e, "data: "...)
	if utf8.Valid(text) {
		e = append(e, text...)
	} else {
		for _, r := range string(text) {
			e = utf8.AppendRune(e, r)
		}
	}
	return append(e, "\r\n"...)
}

// line adds an event that begins with head, up to its id, for a line of text.
func (e sseEvent) line(head string, id int64, text []byte) sseEvent {
	e = append(e, head...)
	e = strconv.AppendInt(e, id, 10)
	return append(e, "\r\n"...).data(text).end()
}

// lines adds an event for each line of a run, until there is a batch: n is how much
// of it was taken.
func (e sseEvent) lines(head string, run streams.Run) (_ sseEvent, n int) {
	for n < len(run.Text) && len(e) < batch {
		text := run.Text[n:]
		text = text[:bytes.IndexByte(text, '\n')]
		n += len(text) + 1
		e = e.line(head, run.Offset+int64(n), text)
	}
	return e, n
}

func (e sseEvent) base64(bytes []byte) sseEvent {
	e = append(e, "data: "...)
	e = base64.StdEncoding.AppendEncode(e, bytes)
	return append(e, "\r\n"...)
}

// end is the empty line by which a client knows that the event is whole.
func (e sseEvent) end() sseEvent { return append(e, "\r\n"...) }

// gap is the event that tells of what is no longer kept. Whoever resumes behind id
// is not told again.
func (e sseEvent) gap(id int64, missed int64) sseEvent {
	return e.field("event", "gap").id(id).field("data", gapJSON(missed)).end()
}

func gapJSON(missed int64) string { return `{"missed": ` + strconv.FormatInt(missed, 10) + `}` }
