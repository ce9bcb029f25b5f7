package webhooks

import (
	"net/url"
	"slices"
	"time"
)

// maxAttempts is how many attempts of each kind are shown.
const maxAttempts = 10

// Status is a hook and how its deliveries go. What is secret about it is left
// out: the secret itself, and what the URL has of a user, a password and
// parameters.
type Status struct {
	ID            string     `json:"id"`
	Event         string     `json:"event"`
	URL           string     `json:"url"`
	Signed        bool       `json:"signed"`
	Source        string     `json:"source"`  // "file" or "api"
	Failing       bool       `json:"failing"` // the last attempt has failed
	Pending       int        `json:"pending"`
	PendingBytes  int        `json:"pending_bytes"`
	NextAttemptAt *time.Time `json:"next_attempt_at"` // of what has failed
	Delivered     uint64     `json:"delivered"`
	Failed        uint64     `json:"failed"`  // attempts
	Dropped       uint64     `json:"dropped"` // events
	Deliveries    []Attempt  `json:"deliveries"`
	Failures      []Attempt  `json:"failures"`
}

// Attempt is a delivery that was tried.
type Attempt struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Seq     uint64    `json:"seq"`
	ID      string    `json:"id"`
	Attempt int       `json:"attempt"` // 1 for the first of this event
	Status  int       `json:"status,omitempty"`
	Error   string    `json:"error,omitempty"`
	Took    float64   `json:"took"` // seconds
}

// history is what a hook has done in this life of the daemon.
type history struct {
	deliveries, failures []Attempt // the last ones, the newest last
	deliveredCount       uint64
	failedCount          uint64
	dropped              uint64
	logged               time.Time // when the last drop was
}

func (h *history) delivered(r result, attempt int) {
	h.deliveredCount++
	h.deliveries = keep(h.deliveries, r.attempt(attempt))
}

func (h *history) failed(r result, attempt int) {
	h.failedCount++
	h.failures = keep(h.failures, r.attempt(attempt))
}

// lose reports whether to log that.
func (h *history) lose(n uint64, now time.Time) bool {
	h.dropped += n
	if !h.logged.IsZero() && now.Sub(h.logged) < time.Minute {
		return false
	}
	h.logged = now
	return true
}

func keep(attempts []Attempt, a Attempt) []Attempt {
	if len(attempts) == maxAttempts {
		attempts = slices.Delete(attempts, 0, 1)
	}
	return append(attempts, a)
}

func (r result) attempt(n int) Attempt {
	a := Attempt{
		Time: r.began.UTC(), Event: r.entry.Event, Seq: r.entry.Seq, ID: r.entry.ID,
		Attempt: n, Status: r.status, Took: r.took.Seconds(),
	}
	if r.err != nil {
		a.Error = r.err.Error()
	}
	return a
}

func (h *hook) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{
		ID: h.id, Event: h.wanted.Event, URL: h.shown, Signed: h.secret != "", Source: "api", Failing: h.streak > 0,
		Pending: h.outbox.pending(), PendingBytes: h.outbox.bytes,
		Delivered: h.history.deliveredCount, Failed: h.history.failedCount, Dropped: h.history.dropped,
		Deliveries: append([]Attempt{}, h.history.deliveries...), Failures: append([]Attempt{}, h.history.failures...),
	}
	if h.inFile {
		s.Source = "file"
	}
	if at, ok := h.outbox.due(); ok {
		if h.pausedUntil.After(at) {
			at = h.pausedUntil
		}
		at = at.UTC()
		s.NextAttemptAt = &at
	}
	return s
}

// withoutSecrets is a URL as anybody may see it.
func withoutSecrets(u *url.URL) string {
	shown := *u
	if u.User != nil {
		shown.User = url.User("hidden")
	}
	if u.RawQuery != "" {
		values, err := url.ParseQuery(u.RawQuery)
		for name := range values {
			values[name] = []string{"hidden"}
		}
		if shown.RawQuery = values.Encode(); err != nil {
			shown.RawQuery = "hidden"
		}
	}
	return shown.String()
}
