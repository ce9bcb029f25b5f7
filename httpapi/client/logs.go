package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// None as an N means: no history, only what comes from now on.
const None = -1

// LogOptions say which lines of an app's output are wanted. The zero value is
// all that is kept.
type LogOptions struct {
	N      int      // only the last so many of what there is; 0: all; None
	Follow bool     // then what comes, until Until, or without an end
	Ends   bool     // with Follow: an end when the app is gone, with all of its instances
	Filter []string // only these process types (web) or single instances (worker-2)
	Stream string   // only "stdout" or "stderr"
	Grep   string   // only lines that match; RE2 syntax

	Since time.Time // only lines that were completed then or later
	Until time.Time // only lines that were begun before

	Cursor string // only what comes after the line that had it; N does not count then

	// Ready is called each time the daemon has begun to answer, the first time
	// and whenever a broken connection has been made again.
	Ready func()
}

// LogLine is one line of the output of an app.
type LogLine struct {
	Time     time.Time // when its first byte was read
	Instance string    // web-1
	PID      int       // 0 if the daemon does not say
	Stream   string    // stdout or stderr
	Text     string    // without the line's end; what was not UTF-8 is U+FFFD
	Cursor   string    // Logs goes on behind this line with it

	Partial      bool // its end had not come yet: the rest follows later
	Continuation bool // of a line that was Partial

	// Missed is how many bytes before this place were no longer kept. A LogLine
	// that tells of a loss is no line and has no Text.
	Missed int64

	// JSON is the message as the daemon sent it.
	JSON []byte
}

// Logs reads the output of all instances of an app as one log, line by line in
// the order in which the lines were completed. Without Follow the loop ends with
// what there is now; with it only an error does, or Until when that time has come,
// or with Ends the end of the app.
//
// A broken connection is made again and the log goes on behind the last line:
// the loop sees every line once. An error is the last thing the loop sees, as
// with Stream.
func (c *Client) Logs(ctx context.Context, app string, o LogOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		r := logReader{
			client:  c,
			path:    route("apps", app, "logs"),
			options: o,
			cursor:  o.Cursor,
			parser:  logParser{open: map[logSource]bool{}},
			yield:   yield,
		}
		if err := r.read(ctx); err != nil && !errors.Is(err, errLeft) {
			yield(LogLine{}, err)
		}
	}
}

// logReader is one run of a Logs loop.
type logReader struct {
	client  *Client
	path    string
	options LogOptions
	yield   func(LogLine, error) bool

	connected bool      // once at least
	begun     time.Time // when that was, by the daemon's clock; zero if it does not say
	cursor    string    // behind what the loop has seen; "" while it has seen nothing
	parser    logParser
}

// read connects until the log has ended, and returns nil then.
func (r *logReader) read(ctx context.Context) error {
	again := retry{client: r.client}
	for {
		err := r.connect(ctx, &again)
		if errors.Is(err, errAppGone) {
			return nil
		}
		if err == nil || errors.Is(err, errLeft) || !r.connected {
			return err
		}
		if err := again.again(ctx, err); err != nil {
			return err
		}
	}
}

// connect reads one response to its end. A nil error is the end of the log.
func (r *logReader) connect(ctx context.Context, again *retry) error {
	resp, err := r.client.send(ctx, http.MethodGet, r.path, r.query(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answered := time.Now()
	again.connected()
	if !r.connected {
		r.connected = true
		r.begun, _ = http.ParseTime(resp.Header.Get("Date")) // absent: zero
	}
	if r.options.Ready != nil {
		r.options.Ready()
	}
	feed := newMessages(resp.Body)
	for {
		msg, err := feed.next()
		switch {
		case err == io.EOF && ctx.Err() == nil && r.isOver(resp.Header, time.Since(answered)):
			return nil
		case err == io.EOF:
			return r.client.broken(ctx, errors.New("the daemon ended the log"))
		case err != nil:
			return r.client.broken(ctx, err)
		}
		if err := r.deliver(msg, again); err != nil {
			return err
		}
	}
}

// isOver reports whether an answer that has ended in good order, which took so long,
// was the last one. One that follows may have ended because the daemon stops: then
// it was too early for Until, by the daemon's clock. What is not known to be too
// early is the end. If that is not seen, since a clock was set, the next answer,
// which ends at once, has the right time.
func (r *logReader) isOver(h http.Header, took time.Duration) bool {
	if !r.options.Follow {
		return true
	}
	begun, err := http.ParseTime(h.Get("Date"))
	latest := begun.Add(took + 2*time.Second) // Date leaves out what is less than a second
	return !r.options.Until.IsZero() && (err != nil || !latest.Before(r.options.Until))
}

func (r *logReader) deliver(msg message, again *retry) error {
	line, ok, err := r.parser.parse(msg)
	if errors.Is(err, errAppGone) {
		return err
	}
	if err != nil {
		return fmt.Errorf("log of %s: %w", r.client.endpoint.address, err)
	}
	if line.Cursor != "" {
		r.cursor = line.Cursor
	}
	if !ok {
		return nil
	}
	again.alive()
	if !r.yield(line, nil) {
		return errLeft
	}
	return nil
}

// query asks for what the loop has not seen yet.
func (r *logReader) query() url.Values {
	o := &r.options
	q := url.Values{"stream": {"true"}}
	if !o.Follow {
		q.Set("follow", "false")
	} else if o.Ends {
		q.Set("ends", "true")
	}
	if len(o.Filter) > 0 {
		q.Set("filter", strings.Join(o.Filter, "|"))
	}
	if o.Stream != "" {
		q.Set("fd", o.Stream)
	}
	if o.Grep != "" {
		q.Set("grep", o.Grep)
	}
	if !o.Until.IsZero() {
		q.Set("until", o.Until.UTC().Format(time.RFC3339Nano))
	}
	if r.cursor != "" {
		q.Set("cursor", r.cursor)
		return q
	}
	since := o.Since
	if o.N == None && since.Before(r.begun) {
		since = r.begun // what came while there was no connection is new
	}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	switch {
	case o.N == None && r.begun.IsZero():
		q.Set("n", "0")
	case o.N > 0:
		q.Set("n", strconv.Itoa(o.N))
	default:
		q.Set("n", "all")
	}
	return q
}
