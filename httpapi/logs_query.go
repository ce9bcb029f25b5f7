package httpapi

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gafferd/gaffer/manager"
)

const (
	// dumpedLines is how many lines a dump has if not asked.
	dumpedLines = 100

	// logHeartbeat is the silence after which a stream of logs sends a ping.
	logHeartbeat = 20 * time.Second
)

// logsOf reads what a request for an app's logs asks for.
func logsOf(r *http.Request, q *query) (want manager.LogQuery, stream bool) {
	stream = q.flag("stream")
	want.Follow = stream && (!q.has("follow") || q.flag("follow"))
	want.Filter = q.processTypes("filter")
	want.Since, want.Until = q.moment("since"), q.moment("until")
	if q.has("grep") {
		var err error
		if want.Grep, err = regexp.Compile(q.text("grep")); err != nil {
			q.wrong("grep", q.text("grep"), "a regular expression as RE2 knows them")
		}
	}
	switch fd := q.text("fd"); fd {
	case "", "stdout", "stderr":
		want.Stream = fd
	default:
		q.wrong("fd", fd, "stdout or stderr, or leave it out for both")
	}
	n, given := q.lines("n")
	want.After = logCursorOf(r, q)
	switch {
	case want.After != manager.LogCursor{}:
		// A browser that comes again asks for the same URL, and not for its n
		// once more.
		want.Since = time.Time{}
	case given:
		want.Tail = n
	case !want.Since.IsZero() || !want.Until.IsZero() && !want.Follow:
		// all of these
	case want.Follow:
		want.Tail = manager.TailNone
	default:
		want.Tail = dumpedLines
	}
	return want, stream
}

// logCursorOf is where a client that comes again goes on. The header wins, as
// with streams.
func logCursorOf(r *http.Request, q *query) (c manager.LogCursor) {
	name, text := "Last-Event-ID", r.Header.Get("Last-Event-ID")
	if text == "" {
		name, text = "cursor", q.text("cursor")
	}
	if text == "" {
		return c
	}
	c, err := manager.ParseLogCursor(text)
	if err != nil {
		q.wrong(name, text, "the cursor of a line as it came with it")
	}
	return c
}

// lines is a number of lines as a LogQuery has it.
func (q *query) lines(name string) (n int, ok bool) {
	if q.text(name) == "all" {
		return 0, true
	}
	if !q.has(name) {
		return 0, false
	}
	count, err := strconv.ParseUint(q.text(name), 10, 64)
	if err != nil {
		q.wrong(name, q.text(name), "a number of lines from 0 up, or all")
	}
	if count == 0 {
		return manager.TailNone, true
	}
	return int(min(count, math.MaxInt32)), true
}

var typePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+:-]*$`)

// processTypes are process types and instances: web|worker-2.
func (q *query) processTypes(name string) (types []string) {
	if q.text(name) == "" {
		return nil
	}
	for part := range strings.SplitSeq(q.text(name), "|") {
		if !typePattern.MatchString(part) {
			q.wrong(name, q.text(name), "process types or instances with | between them, such as web|worker-2")
			return nil
		}
		types = append(types, part)
	}
	return types
}

// moment is a point in time: as such, or as how long ago it was. The zero time
// is that none was given.
func (q *query) moment(name string) time.Time {
	text := q.text(name)
	if !q.has(name) {
		return time.Time{}
	}
	// A client that does not encode the + of a time zone sends a space.
	if t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+")); err == nil && t.Year() > 1677 && t.Year() < 2262 {
		return t
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Now().AddDate(0, 0, -int(n))
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		q.wrong(name, text, "a time such as 2015-02-16T02:02:43Z, or how long ago such as 10m, 1h30m or 7d")
	}
	return time.Now().Add(-ago)
}

// logHeartbeat is how long a stream of logs may be silent; 0 is for ever.
func (q *query) logHeartbeat() time.Duration {
	if text := strings.ToLower(q.text("heartbeat")); text == "" || text == "true" {
		return logHeartbeat
	}
	return q.heartbeat(logHeartbeat)
}
