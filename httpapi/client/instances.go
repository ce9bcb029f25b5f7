package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Instance is one running program of a process.
type Instance struct {
	Process
	PID       int       `json:"pid"` // the daemon's own number for it
	OSPid     int       `json:"os_pid"`
	Index     int       `json:"index"` // which of its process's it is, from 1
	State     string    `json:"state"`
	StartedAt time.Time `json:"started_at"`
	Streams   []string  `json:"streams"`   // labels of its outputs, custom streams last
	Remaining []int     `json:"remaining"` // os pids that are still alive while it is being stopped
}

// Instance describes a running instance. An *Error not_found means that it has
// ended, or never was.
func (c *Client) Instance(ctx context.Context, pid int) (Instance, error) {
	return get[Instance](ctx, c, route("processes", strconv.Itoa(pid)), nil)
}

// PIDs lists the running instances of a process.
func (c *Client) PIDs(ctx context.Context, name string) ([]int, error) {
	type answer struct {
		PIDs []int `json:"pids"`
	}
	a, err := get[answer](ctx, c, route("processes", name, "_pids"), nil)
	return a.PIDs, err
}

// Running lists the pids of all running instances of all processes.
func (c *Client) Running(ctx context.Context) ([]int, error) {
	return get[[]int](ctx, c, "/processes", url.Values{"running": {"true"}})
}

// Instances describes all running instances of all processes.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	return get[[]Instance](ctx, c, "/processes", url.Values{"running": {"true"}, "info": {"true"}})
}

// Entry is one line of the list of running instances.
type Entry struct {
	PID   int    `json:"pid"`
	Name  string `json:"name"`
	OSPid int    `json:"os_pid"`
}

// Entries lists all running instances with the names of their processes.
func (c *Client) Entries(ctx context.Context) ([]Entry, error) {
	return get[[]Entry](ctx, c, "/pids", nil)
}

// StopInstance stops one instance. The process keeps its number of instances,
// so another takes its place.
func (c *Client) StopInstance(ctx context.Context, pid int, waits ...Waiting) error {
	return c.action(ctx, strconv.Itoa(pid), "_stop", waits)
}

// SignalInstance sends a signal, by number or by name in any case, to one
// instance.
func (c *Client) SignalInstance(ctx context.Context, pid int, signal string) error {
	return c.Signal(ctx, strconv.Itoa(pid), signal)
}
