package client

import (
	"context"
	"net/http"
	"net/url"
)

// Upgrade has the daemon go on in the program at path, an absolute path on the
// daemon's machine, or if that is "" in the program that is now where it was
// started from. Processes, streams and connections in wait are not disturbed.
//
// It returns the version of the program that serves then. A conflict means that
// the program could not take over, for the reason that it gives, and that the
// daemon goes on as it was.
func (c *Client) Upgrade(ctx context.Context, path string) (Version, error) {
	query := url.Values{}
	if path != "" {
		query.Set("path", path)
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked bool
	var refused error
	ask := func() {
		if asked {
			return // the feed was connected again, as it has to be
		}
		asked = true
		if refused = c.Do(ctx, http.MethodPost, "/_upgrade", query, nil, nil); refused != nil {
			cancel()
		}
	}
	for ev, err := range c.Watch(watching, "worker", WatchOptions{Since: Latest, Ready: ask}) {
		switch {
		case refused != nil:
			return Version{}, refused
		case err != nil:
			return Version{}, err
		case ev.Event == "worker":
			return c.Version(ctx)
		}
	}
	return Version{}, context.Cause(ctx)
}
