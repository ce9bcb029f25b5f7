package client

import (
	"context"
	"net/http"
	"net/url"
)

// Reload is what following the daemon's configuration file has come to, or would
// come to. Lists hold names of processes unless something else is said.
type Reload struct {
	Added     []string `json:"added"`
	Changed   []string `json:"changed"`
	Removed   []string `json:"removed"`
	Restarted []string `json:"restarted"` // those changed whose instances are replaced

	// Changes are what becomes different about each of Changed.
	Changes map[string][]Difference `json:"changes"`

	Webhooks WebhookChanges `json:"webhooks"`

	NeedsRestart []string `json:"needs_restart"` // settings that are followed once the daemon is started again
	Warnings     []string `json:"warnings"`      // what is odd about the file
}

// WebhookChanges are what becomes of the webhooks that the file names. Changed are
// those that have another secret: with another event or URL a webhook is another.
type WebhookChanges struct {
	Added   []WebhookChange `json:"added"`
	Changed []WebhookChange `json:"changed"`
	Removed []WebhookChange `json:"removed"`
}

// WebhookChange is a webhook that comes, changes or goes. Of its URL, which may be
// a secret, no more is told than the server.
type WebhookChange struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	URL   string `json:"url"`
}

// Difference is a property before and after. Of the environment, where it is
// called env.NAME, no values are told.
type Difference struct {
	Property string `json:"property"`
	From     any    `json:"from"`
	To       any    `json:"to"`
}

// Reload has the daemon read its configuration file again and follow it. An
// *Error with Problems means that the file cannot be followed, and that nothing
// has changed; conflict without any, that the daemon has no file.
func (c *Client) Reload(ctx context.Context, waits ...Waiting) (Reload, error) {
	query := url.Values{}
	for _, w := range waits {
		query.Set("wait", w.value)
	}
	var answer struct {
		Reload
		acceptance
	}
	if err := c.Do(ctx, http.MethodPost, "/_reload", query, nil, &answer); err != nil {
		return Reload{}, err
	}
	if answer.Done != nil && !*answer.Done {
		return answer.Reload, ErrNotDone
	}
	return answer.Reload, nil
}

// PlanReload tells what Reload would do, and changes nothing.
func (c *Client) PlanReload(ctx context.Context) (Reload, error) {
	var plan Reload
	err := c.Do(ctx, http.MethodPost, "/_reload", url.Values{"plan": {"true"}}, nil, &plan)
	return plan, err
}
