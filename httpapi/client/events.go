package client

import (
	"context"
	"encoding/json"
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

// Event is one happening under one of its two names: "exit" and
// "proc.web.exit" are the same happening with a Seq each.
type Event struct {
	Event      string    `json:"event"`
	Name       string    `json:"name,omitempty"`
	PID        int       `json:"pid,omitempty"`
	OSPid      int       `json:"os_pid,omitempty"`
	ExitStatus int       `json:"exit_status,omitempty"`
	TermSignal int       `json:"term_signal,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Detached   bool      `json:"detached,omitempty"`
	Seq        uint64    `json:"seq,omitempty"`
	Time       time.Time `json:"time,omitzero"`

	// Of an audit, which tells of a request, and never comes unless it is asked for.
	Who     string `json:"who,omitempty"`
	From    string `json:"from,omitempty"`
	Request string `json:"request,omitempty"`
	Result  string `json:"result,omitempty"`

	// Missed is set in an event "gap": so many events before the next one
	// were no longer kept, or -1 when the daemon was restarted and nobody knows.
	Missed int64 `json:"missed,omitempty"`

	// JSON is the object as the daemon sent it.
	JSON json.RawMessage `json:"-"`
}

// WatchOptions say where the events are entered. The zero value starts with the
// oldest event that is still kept.
type WatchOptions struct {
	Since int64 // replay what came after this Seq; Latest: only what is new
	// Ready is called each time the daemon has begun to listen: what happens
	// afterwards is not missed. Whoever wants a list and its changes asks for
	// the list there.
	Ready func()
	// Heartbeat is how often an idle connection is kept alive; 0: as the daemon likes.
	Heartbeat time.Duration
}

// Watch follows the daemon's events. The pattern is one event ("exit"), one
// process ("proc/web"), one event of one process ("proc/web/exit"), or "" for
// everything, in which each happening comes under both its names.
//
// A broken connection is made again and the events go on where they were; those
// that were no longer kept are told by an event "gap". The loop does not end by
// itself: an error is the last thing it sees, as with Stream.
func (c *Client) Watch(ctx context.Context, pattern string, o WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		parts := []string{"watch"}
		if pattern = strings.Trim(pattern, "/"); pattern != "" {
			parts = append(parts, strings.Split(pattern, "/")...)
		}
		w := watcher{client: c, path: route(parts...), options: o, last: o.Since, yield: yield}
		if err := w.watch(ctx); !errors.Is(err, errLeft) {
			yield(Event{}, err)
		}
	}
}

// watcher is one run of a Watch loop.
type watcher struct {
	client  *Client
	path    string
	options WatchOptions
	yield   func(Event, error) bool

	connected bool  // once at least
	last      int64 // Seq of the last event seen or passed, or Latest
}

// watch connects until something is in the way of that, and never returns nil.
func (w *watcher) watch(ctx context.Context) error {
	again := retry{client: w.client}
	for {
		err := w.connect(ctx, &again)
		if errors.Is(err, errLeft) || !w.connected {
			return err
		}
		if err := again.again(ctx, err); err != nil {
			return err
		}
	}
}

func (w *watcher) connect(ctx context.Context, again *retry) error {
	resp, err := w.client.send(ctx, http.MethodGet, w.path, w.query(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	again.connected()
	if err := w.begin(resp.Header); err != nil {
		return err
	}
	feed := newMessages(resp.Body)
	for {
		msg, err := feed.next()
		switch {
		case err == io.EOF:
			return w.client.broken(ctx, errors.New("the daemon ended the events"))
		case err != nil:
			return w.client.broken(ctx, err)
		}
		again.alive()
		if err := w.deliver(msg); err != nil {
			return err
		}
	}
}

func (w *watcher) query() url.Values {
	q := url.Values{"feed": {"eventsource"}}
	if w.last != Latest {
		q.Set("since", strconv.FormatInt(w.last, 10))
	}
	if w.options.Heartbeat > 0 {
		q.Set("heartbeat", strconv.FormatFloat(w.options.Heartbeat.Seconds(), 'f', -1, 64))
	}
	return q
}

// begin reads where the daemon is: Gaffer-Seq is the event after which this
// response starts. With it a connection that breaks before any event
// came can be resumed, and a daemon that began to count anew is noticed.
func (w *watcher) begin(h http.Header) error {
	seq, err := strconv.ParseInt(h.Get("Gaffer-Seq"), 10, 64)
	resumed := w.connected
	w.connected = true
	switch {
	case err != nil:
	case w.last == Latest:
		w.last = seq
	case resumed && seq < w.last:
		w.last = seq
		if !w.yield(Event{Event: "gap", Missed: -1, JSON: json.RawMessage(`{"event": "gap", "missed": -1}`)}, nil) {
			return errLeft
		}
	}
	if w.options.Ready != nil {
		w.options.Ready()
	}
	return nil
}

func (w *watcher) deliver(msg message) error {
	ev := Event{JSON: append(json.RawMessage(nil), msg.data...)}
	if err := json.Unmarshal(msg.data, &ev); err != nil {
		return fmt.Errorf("event feed of %s: %w", w.client.endpoint.address, err)
	}
	if ev.Event == "" {
		ev.Event = msg.event
	}
	if id, err := strconv.ParseInt(msg.id, 10, 64); err == nil {
		w.last = id
	}
	if !w.yield(ev, nil) {
		return errLeft
	}
	return nil
}
