package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Version says which build of the daemon answers.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// Version asks the daemon for its version.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return get[Version](ctx, c, "/version", nil)
}

// Clock asks the daemon what time it is. It tells whole seconds, so its clock is never
// behind what is returned. That is the zero time if the daemon does not say.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	resp, err := c.send(ctx, http.MethodGet, "/ping", nil, nil)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	now, _ := http.ParseTime(resp.Header.Get("Date")) // absent: zero
	return now, nil
}

// Ping returns nil when the daemon is there and answers.
func (c *Client) Ping(ctx context.Context) error {
	resp, err := c.send(ctx, http.MethodGet, "/ping", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil {
		return c.lost(err)
	}
	if strings.TrimSpace(string(text)) != "OK" {
		return fmt.Errorf("ping: %s answered %q: is it gafferd that listens there?", c.endpoint.address, text)
	}
	return nil
}
