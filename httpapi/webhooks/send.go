package webhooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxRedirects is how often a receiver may send a delivery on within its server.
const maxRedirects = 3

// timing is how deliveries are tried.
type timing struct {
	attempt time.Duration // how long one may take
	first   time.Duration // the pause after the first that fails; each next one is twice as long, …
	most    time.Duration // … up to this
	giveUp  time.Duration // how long an event is tried
	drain   time.Duration // how long the last ones may take when the manager has shut down
}

var defaultTiming = timing{
	attempt: 10 * time.Second,
	first:   time.Second,
	most:    time.Minute,
	giveUp:  time.Hour,
	drain:   5 * time.Second,
}

// pause is how long to wait after the nth failure in a row. Jitter keeps those
// that have failed together from coming back together.
func (t timing) pause(n int) time.Duration {
	d := t.first
	for ; n > 1 && d < t.most; n-- {
		d *= 2
	}
	d = min(d, t.most)
	return d/2 + rand.N(d/2+1)
}

// sender makes requests. It is shared by all hooks.
type sender struct {
	client *http.Client
	timing timing
}

func newSender(transport http.RoundTripper, t timing) *sender {
	return &sender{&http.Client{Transport: transport, CheckRedirect: withinServer}, t}
}

// newTransport is how http.DefaultTransport connects, with proxies as the
// environment has them, and with connections of our own to close.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = maxSending
	t.IdleConnTimeout = 30 * time.Second
	return t
}

// withinServer follows a redirect only to the same server, and only one that
// asks for the same request there.
func withinServer(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || r.Method != http.MethodPost || r.URL.Host != first.URL.Host ||
		first.URL.Scheme == "https" && r.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// refusal is an answer other than success.
type refusal struct {
	status     int
	to         string        // where it redirects to, if it does
	retryAfter time.Duration // what the receiver asks for
}

func (r *refusal) Error() string {
	if r.to != "" {
		return fmt.Sprintf("it redirects to %s, which is not followed: make that the URL", r.to)
	}
	return fmt.Sprintf("the answer is %d %s", r.status, http.StatusText(r.status))
}

// send makes one attempt. The error does not tell the URL, which may hold
// secrets.
func (s *sender) send(ctx context.Context, address, secret string, e *entry) (status int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timing.attempt, fmt.Errorf("no answer within %v", s.timing.attempt))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(e.Body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "gaffer-webhook")
	r.Header.Set("Gaffer-Event", e.Event)
	r.Header.Set("Gaffer-Id", e.ID)
	if secret != "" {
		r.Header.Set("Gaffer-Signature", Signature(secret, e.Body))
	}
	resp, err := s.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, refused(resp)
}

func refused(resp *http.Response) *refusal {
	r := &refusal{status: resp.StatusCode}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		r.to = to.Scheme + "://" + to.Host
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = min(time.Duration(seconds)*time.Second, 5*time.Minute)
	}
	return r
}

// Signature is what the header Gaffer-Signature of a delivery must be:
// HMAC-SHA256 of its body, with the hook's secret as the key. Compare it with
// hmac.Equal.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// entryID tells an event from all others of all lives of the daemon, and is the
// same each time that it is sent.
func entryID(t time.Time, seq uint64) string { return fmt.Sprintf("%d-%d", t.UnixNano(), seq) }
