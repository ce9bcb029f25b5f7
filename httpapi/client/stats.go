package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Usage is what one instance uses. Pointers are nil where the daemon may not
// look.
type Usage struct {
	ID         int      `json:"id"`  // the daemon's pid
	PID        int      `json:"pid"` // the system's
	RSS        *uint64  `json:"rss"` // bytes
	VMS        *uint64  `json:"vms"` // bytes
	CPUSeconds *float64 `json:"cpu_seconds"`
	NumFDs     *int     `json:"num_fds"`
	NumThreads *int     `json:"num_threads"`
	CPU        Reading  `json:"cpu"` // percent of one processor
	Mem        Reading  `json:"mem"` // percent of the memory
	Username   string   `json:"username"`
	Cmdline    string   `json:"cmdline"`
	Children   []Usage  `json:"children"`
}

// Reading is a number that may not be readable.
type Reading struct {
	Value float64
	Valid bool
}

// UnmarshalJSON takes anything that is not a number, "N/A" above all, for a
// value that could not be read.
func (r *Reading) UnmarshalJSON(text []byte) error {
	r.Valid = json.Unmarshal(text, &r.Value) == nil && string(text) != "null"
	return nil
}

// MarshalJSON writes the number, or "N/A".
func (r Reading) MarshalJSON() ([]byte, error) {
	if !r.Valid {
		return []byte(`"N/A"`), nil
	}
	return json.Marshal(r.Value)
}

// Stats is what a process uses, each instance and together.
type Stats struct {
	Name  string  `json:"name"`
	Stats []Usage `json:"stats"`
	CPU   Reading `json:"cpu"`
	Mem   Reading `json:"mem"`
}

// AllStats measures all processes.
func (c *Client) AllStats(ctx context.Context) ([]Stats, error) {
	return get[[]Stats](ctx, c, "/stats", nil)
}

// Stats measures one process.
func (c *Client) Stats(ctx context.Context, name string) (Stats, error) {
	return get[Stats](ctx, c, route("stats", name), nil)
}

// InstanceStats measures one instance of a process.
func (c *Client) InstanceStats(ctx context.Context, name string, pid int) (Usage, error) {
	return get[Usage](ctx, c, route("stats", name, strconv.Itoa(pid)), nil)
}

// WatchStats measures a process again and again, every interval. A broken
// connection is made again. The loop ends like that of Watch.
func (c *Client) WatchStats(ctx context.Context, name string, interval time.Duration) iter.Seq2[Stats, error] {
	return func(yield func(Stats, error) bool) {
		again := retry{client: c}
		for connected := false; ; {
			err := c.readStats(ctx, name, interval, func(s Stats) bool {
				connected = true
				again.connected()
				again.alive()
				return yield(s, nil)
			})
			if errors.Is(err, errLeft) {
				return
			}
			if connected {
				err = again.again(ctx, err)
			}
			if err != nil {
				yield(Stats{}, err)
				return
			}
		}
	}
}

// readStats reads one response of the feed, one object a line.
func (c *Client) readStats(ctx context.Context, name string, interval time.Duration, each func(Stats) bool) error {
	q := url.Values{"feed": {"continuous"}, "interval": {strconv.FormatFloat(interval.Seconds(), 'f', -1, 64)}}
	resp, err := c.send(ctx, http.MethodGet, route("stats", name), q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue // a heartbeat
		}
		var s Stats
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return fmt.Errorf("stats of %s: %w", name, err)
		}
		if !each(s) {
			return errLeft
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return c.broken(ctx, err)
}
