package client

import (
	"context"
	"net/http"
)

// Groups lists all groups.
func (c *Client) Groups(ctx context.Context) ([]string, error) {
	return get[[]string](ctx, c, "/groups", nil)
}

// Group lists the processes of a group in the order of their creation.
func (c *Client) Group(ctx context.Context, group string) ([]string, error) {
	return get[[]string](ctx, c, route("groups", group), nil)
}

// StartGroup starts all processes of a group.
func (c *Client) StartGroup(ctx context.Context, group string, waits ...Waiting) error {
	return c.groupAction(ctx, group, "_start", waits)
}

// StopGroup stops all processes of a group.
func (c *Client) StopGroup(ctx context.Context, group string, waits ...Waiting) error {
	return c.groupAction(ctx, group, "_stop", waits)
}

// RestartGroup restarts all processes of a group.
func (c *Client) RestartGroup(ctx context.Context, group string, waits ...Waiting) error {
	return c.groupAction(ctx, group, "_restart", waits)
}

// DeleteGroup stops and forgets all processes of a group.
func (c *Client) DeleteGroup(ctx context.Context, group string, waits ...Waiting) error {
	_, err := c.change(ctx, http.MethodDelete, route("groups", group), nil, waits)
	return err
}

func (c *Client) groupAction(ctx context.Context, group, verb string, waits []Waiting) error {
	_, err := c.change(ctx, http.MethodPost, route("groups", group, verb), nil, waits)
	return err
}
