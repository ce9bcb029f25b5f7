package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// logMessage is what the daemon sends for a line, for a loss and, when there is
// nothing else, as a sign of life.
type logMessage struct {
	Event        string    `json:"event"`
	Timestamp    time.Time `json:"timestamp"`
	Log          string    `json:"log"`      // with its head and a newline
	Instance     string    `json:"instance"` // of a loss
	Stream       string    `json:"stream"`
	PID          int       `json:"pid"`
	Cursor       string    `json:"cursor"`
	Partial      bool      `json:"partial"`
	Continuation bool      `json:"continuation"`
	Missed       int64     `json:"missed"`
}

// logSource is one output of one instance.
type logSource struct {
	instance string
	pid      int
	stream   string
}

// logParser makes lines of messages.
type logParser struct {
	open map[logSource]bool // has a line whose rest is to come
}

// errAppGone ends a log that ends with its app.
var errAppGone = errors.New("the app is gone")

// parse reads one message. ok is false when it has nothing to tell but, maybe, a
// cursor.
func (p *logParser) parse(msg message) (line LogLine, ok bool, err error) {
	var m logMessage
	if err := json.Unmarshal(msg.data, &m); err != nil {
		return LogLine{}, false, err
	}
	line = LogLine{
		Time: m.Timestamp, Instance: m.Instance, PID: m.PID, Stream: m.Stream, Missed: m.Missed,
		Partial: m.Partial, Continuation: m.Continuation,
		Cursor: m.Cursor,
	}
	if line.Cursor == "" {
		line.Cursor = msg.id
	}
	switch {
	case m.Missed > 0:
		delete(p.open, logSource{m.Instance, m.PID, m.Stream})
	case m.Event == "end":
		return line, false, errAppGone
	case m.Event != "log":
		return line, false, nil
	default:
		head, instance, text, good := cutHead(m.Log)
		if !good {
			return LogLine{}, false, fmt.Errorf("line %.80q has no head", m.Log)
		}
		if line.Time.IsZero() {
			line.Time = head
		}
		line.Instance, line.Text = instance, text
		p.join(&line)
	}
	line.JSON = append([]byte(nil), msg.data...)
	return line, true, nil
}

// join finds out whether a line continues another.
func (p *logParser) join(l *LogLine) {
	source := logSource{l.Instance, l.PID, l.Stream}
	l.Continuation = l.Continuation || p.open[source]
	if l.Partial {
		p.open[source] = true
	} else {
		delete(p.open, source)
	}
}

// headTime is how the head of a line has its time: always as long, always UTC.
const headTime = "2006-01-02 15:04:05.000000000 +0000 UTC"

// cutHead takes "TIME [INSTANCE] text\n" apart.
func cutHead(log string) (at time.Time, instance, text string, ok bool) {
	if len(log) < len(headTime) {
		return at, "", "", false
	}
	at, err := time.Parse(headTime, log[:len(headTime)])
	rest, bracket := strings.CutPrefix(log[len(headTime):], " [")
	instance, text, closed := strings.Cut(rest, "]")
	text = strings.TrimSuffix(strings.TrimPrefix(text, " "), "\n")
	return at, instance, text, err == nil && bracket && closed
}
