package httpapi

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query reads the parameters of one request's query. The first value that is
// wrong is kept in err, and what is asked after that is of no meaning: callers
// ask for all they need and then look at err once.
type query struct {
	values url.Values
	err    error
}

func queryOf(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.wrong("the query", r.URL.RawQuery, "name=value pairs, percent-encoded and joined by &")
	}
	return q
}

func (q *query) wrong(name, got, want string) {
	if q.err == nil {
		q.err = badValue(name, got, want)
	}
}

func (q *query) has(name string) bool    { return q.values.Has(name) }
func (q *query) text(name string) string { return q.values.Get(name) }

// flag is true for ?name, ?name=true and ?name=1.
func (q *query) flag(name string) bool {
	if !q.has(name) {
		return false
	}
	switch strings.ToLower(q.text(name)) {
	case "", "true", "1":
		return true
	case "false", "0":
	default:
		q.wrong(name, q.text(name), "true or false")
	}
	return false
}

// count is a number from 0 up; ok says whether it was given.
func (q *query) count(name string) (n int64, ok bool) {
	if !q.has(name) {
		return 0, false
	}
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	if err != nil || n < 0 {
		q.wrong(name, q.text(name), "a whole number from 0 up")
	}
	return n, true
}

// maxSeconds bounds every duration that can be asked for: a year.
const maxSeconds = 366 * 24 * 60 * 60

// seconds is a number of seconds, fractions too; ok says whether it was given.
func (q *query) seconds(name string, least time.Duration) (d time.Duration, ok bool) {
	if !q.has(name) {
		return 0, false
	}
	d, good := parseSeconds(q.text(name))
	if !good || d < least {
		q.wrong(name, q.text(name), "a number of seconds, at least "+strconv.FormatFloat(least.Seconds(), 'f', -1, 64))
	}
	return d, true
}

func parseSeconds(text string) (time.Duration, bool) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || s < 0 || s > maxSeconds {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}

// leastHeartbeat keeps a heartbeat from being a flood.
const leastHeartbeat = 10 * time.Millisecond

// heartbeat is how long nothing may be sent before a heartbeat is; 0 for none.
func (q *query) heartbeat(unasked time.Duration) time.Duration {
	if !q.has("heartbeat") {
		return unasked
	}
	text := q.text("heartbeat")
	switch strings.ToLower(text) {
	case "", "true":
		return time.Minute
	case "false":
		return 0
	}
	d, ok := parseSeconds(text)
	if !ok || d != 0 && d < leastHeartbeat {
		q.wrong("heartbeat", text, "true, false or a number of seconds, such as 60 or 0.5")
	}
	return d
}

// pollWait is how a longpoll waits for what comes.
type pollWait struct {
	heartbeat time.Duration // of silence, after which it says that it is there; 0: never
	end       time.Time     // when it answers that there is nothing; zero: never
}

// pollWait begins with the query's timeout now.
func (q *query) pollWait(heartbeat time.Duration) pollWait {
	p := pollWait{heartbeat: heartbeat}
	if timeout, ok := q.seconds("timeout", 0); ok {
		p.end = time.Now().Add(timeout)
	}
	return p
}

// next is how long to wait now, 0 for as long as it takes. last says that the poll
// ends then.
func (p pollWait) next() (idle time.Duration, last bool) {
	if p.end.IsZero() {
		return p.heartbeat, false
	}
	left := max(time.Until(p.end), 1)
	if p.heartbeat <= 0 || left <= p.heartbeat {
		return left, true
	}
	return p.heartbeat, false
}

// The feeds.
const (
	feedLongpoll    = "longpoll"
	feedContinuous  = "continuous"
	feedEventsource = "eventsource"
)
