package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PollOptions say where one look at a stream starts and how long it may take.
type PollOptions struct {
	Since   int64         // offset to start at; Latest: where the last such poll of this caller ended
	Limit   int           // most bytes in one answer; 0: what the daemon allows
	Timeout time.Duration // how long to wait for something new; 0: as long as it takes
}

// Page is what one Poll found.
type Page struct {
	Data   []byte // empty when nothing came in time, or when the stream has ended
	Next   int64  // Since of the next poll
	Missed int64  // bytes before Data that the daemon no longer had
}

// Poll returns what a stream has after an offset, whole lines where there are
// any, and waits for something new when there is nothing. It is for callers who
// look now and then; for those who want everything as it comes there is Stream.
func (c *Client) Poll(ctx context.Context, pid int, label string, o PollOptions) (Page, error) {
	q := url.Values{"feed": {"longpoll"}}
	if o.Since != Latest {
		q.Set("since", strconv.FormatInt(o.Since, 10))
	}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Timeout > 0 {
		q.Set("timeout", strconv.FormatFloat(o.Timeout.Seconds(), 'f', -1, 64))
	}
	resp, err := c.send(ctx, http.MethodGet, route("streams", strconv.Itoa(pid), label), q, nil)
	if err != nil {
		return Page{}, err
	}
	defer resp.Body.Close()
	page := Page{Next: o.Since}
	if page.Data, err = io.ReadAll(resp.Body); err != nil {
		if ctx.Err() != nil {
			return Page{}, context.Cause(ctx)
		}
		return Page{}, c.lost(err)
	}
	if next := resp.Header.Get("Gaffer-Offset"); next != "" {
		if page.Next, err = strconv.ParseInt(next, 10, 64); err != nil {
			return Page{}, fmt.Errorf("poll of %s of pid %d: offset %q is not a number", label, pid, next)
		}
	}
	page.Missed, _ = strconv.ParseInt(resp.Header.Get("Gaffer-Missed"), 10, 64) // absent: none
	return page, nil
}
