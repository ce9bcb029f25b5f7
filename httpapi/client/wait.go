package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Waiting makes a call return when what it asks for has happened. Without one
// a call returns as soon as the daemon has accepted it.
type Waiting struct{ value string }

// Wait waits as long as it takes; the call's context can bound it. A start that
// fails is then the call's error.
func Wait() Waiting { return Waiting{"true"} }

// WaitFor waits at most limit. What has not happened by then goes on, and the
// call returns ErrNotDone.
func WaitFor(limit time.Duration) Waiting {
	return Waiting{strconv.FormatFloat(limit.Seconds(), 'f', -1, 64)}
}

// acceptance is the answer to a request that changes something.
type acceptance struct {
	Done         *bool `json:"done"`
	NumProcesses int   `json:"numprocesses"`
}

// change sends a request that changes something and waits as asked.
func (c *Client) change(ctx context.Context, method, path string, in any, waits []Waiting) (acceptance, error) {
	query := url.Values{}
	for _, w := range waits {
		query.Set("wait", w.value)
	}
	var answer acceptance
	if err := c.Do(ctx, method, path, query, in, &answer); err != nil {
		return acceptance{}, err
	}
	if answer.Done != nil && !*answer.Done {
		return answer, ErrNotDone
	}
	return answer, nil
}
