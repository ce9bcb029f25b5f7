package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// retry decides when a broken feed is connected again. The first attempt after
// a sign of life comes at once; then the pauses double, with jitter, so that
// the clients of a daemon that comes back do not all come at the same time.
type retry struct {
	client   *Client
	attempts int       // since something last came through
	up       time.Time // when the present connection was made; zero without one
	broken   time.Time // since when there is none; zero while there is one
}

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// connected notes that the daemon is there. It ends the count of patience but
// not the growth of the pauses: a daemon that accepts and hangs up at once is
// not to be called in a loop.
func (r *retry) connected() { r.up, r.broken = time.Now(), time.Time{} }

// alive notes that something new came through.
func (r *retry) alive() { r.attempts = 0 }

// again waits until it is time to connect again and returns nil, or returns
// what the caller has to hear: ctx's cause, or err when trying again is of no
// use or patience has run out.
func (r *retry) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !passing(err) {
		return err
	}
	now := time.Now()
	if !r.up.IsZero() && now.Sub(r.up) > maxPause {
		r.attempts = 0 // it was a good connection, only a silent one
	}
	r.up = time.Time{}
	if r.broken.IsZero() {
		r.broken = now
	}
	if now.Sub(r.broken) >= r.client.patience {
		return err
	}
	pause := pauseBefore(r.attempts)
	r.attempts++
	if r.client.onRetry != nil {
		r.client.onRetry(err, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// persist calls f, which may be repeated, until it succeeds, as a broken feed
// is connected again.
func (c *Client) persist(ctx context.Context, f func() error) error {
	again := retry{client: c}
	for {
		err := f()
		if err == nil {
			return nil
		}
		if err := again.again(ctx, err); err != nil {
			return err
		}
	}
}

// pauseBefore is the pause before an attempt: none before the first, then at
// least half of and at most the doubled step.
func pauseBefore(attempt int) time.Duration {
	if attempt == 0 {
		return 0
	}
	step := maxPause
	if attempt < 8 {
		step = min(maxPause, firstPause<<(attempt-1))
	}
	return step/2 + rand.N(step/2+1)
}

// passing says whether err may be gone the next time.
func passing(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		switch e.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	return errors.Is(err, ErrUnreachable)
}
