package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Processes lists the names of all processes in the order of their creation.
func (c *Client) Processes(ctx context.Context) ([]string, error) {
	return get[[]string](ctx, c, "/processes", nil)
}

// Info is a process and how it does.
type Info struct {
	Process
	State       string    `json:"state"`
	Active      bool      `json:"active"` // it should run
	Running     int       `json:"running"`
	PIDs        []int     `json:"pids"`
	NextRetryAt time.Time `json:"next_retry_at"` // zero unless a restart is pending
	LastError   string    `json:"last_error"`    // why the last start failed
	Once        bool      `json:"once"`          // it was started by Run
}

// Infos describes all processes with their state, in the order of their creation.
func (c *Client) Infos(ctx context.Context) ([]Info, error) {
	return get[[]Info](ctx, c, "/processes", url.Values{"info": {"true"}})
}

// Process is the description of one process, every property filled in.
func (c *Client) Process(ctx context.Context, name string) (Process, error) {
	return get[Process](ctx, c, route("processes", name), nil)
}

// Exists says whether there is a process called name.
func (c *Client) Exists(ctx context.Context, name string) (bool, error) {
	err := c.Do(ctx, http.MethodHead, route("processes", name), nil, nil, nil)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// Create adds a process and, unless p.Start says otherwise, starts it. An
// *Error conflict means that the name is taken.
func (c *Client) Create(ctx context.Context, p Process, waits ...Waiting) error {
	return c.CreateJSON(ctx, p, waits...)
}

// CreateJSON is Create with a description that need not be known to this
// package: it goes to the daemon as json.Marshal encodes it.
func (c *Client) CreateJSON(ctx context.Context, description any, waits ...Waiting) error {
	_, err := c.change(ctx, http.MethodPost, "/processes", description, waits)
	return err
}

// Update replaces the description of a process. Its instances are replaced one
// after the other unless nothing but their number changed; a stopped process
// stays stopped. A name in p is left out: a process cannot be renamed.
func (c *Client) Update(ctx context.Context, name string, p Process, waits ...Waiting) error {
	p.Name = ""
	return c.UpdateJSON(ctx, name, p, waits...)
}

// UpdateJSON is Update with a description that need not be known to this package,
// as CreateJSON has it. A name in it must be that of the process.
func (c *Client) UpdateJSON(ctx context.Context, name string, description any, waits ...Waiting) error {
	_, err := c.change(ctx, http.MethodPut, route("processes", name), description, waits)
	return err
}

// Delete stops a process and forgets it. Its name is free at once.
func (c *Client) Delete(ctx context.Context, name string, waits ...Waiting) error {
	_, err := c.change(ctx, http.MethodDelete, route("processes", name), nil, waits)
	return err
}

// Start starts a process: as many instances as it should have.
func (c *Client) Start(ctx context.Context, name string, waits ...Waiting) error {
	return c.action(ctx, name, "_start", waits)
}

// Stop stops all instances of a process and keeps them stopped.
func (c *Client) Stop(ctx context.Context, name string, waits ...Waiting) error {
	return c.action(ctx, name, "_stop", waits)
}

// Restart replaces all instances of a process.
func (c *Client) Restart(ctx context.Context, name string, waits ...Waiting) error {
	return c.action(ctx, name, "_restart", waits)
}

func (c *Client) action(ctx context.Context, name, verb string, waits []Waiting) error {
	_, err := c.change(ctx, http.MethodPost, route("processes", name, verb), nil, waits)
	return err
}

// Add makes a process n instances larger and returns the new number.
func (c *Client) Add(ctx context.Context, name string, n int, waits ...Waiting) (int, error) {
	return c.resize(ctx, name, "_add", n, waits)
}

// Sub makes a process n instances smaller, never below none, and returns the
// new number.
func (c *Client) Sub(ctx context.Context, name string, n int, waits ...Waiting) (int, error) {
	return c.resize(ctx, name, "_sub", n, waits)
}

// Scale sets how many instances a process should have and returns it.
func (c *Client) Scale(ctx context.Context, name string, n int, waits ...Waiting) (int, error) {
	return c.resize(ctx, name, "_scale", n, waits)
}

func (c *Client) resize(ctx context.Context, name, verb string, n int, waits []Waiting) (int, error) {
	answer, err := c.change(ctx, http.MethodPost, route("processes", name, verb, strconv.Itoa(n)), nil, waits)
	return answer.NumProcesses, err
}

// Signal sends a signal, by number or by name in any case, to all instances of
// a process.
func (c *Client) Signal(ctx context.Context, name, signal string) error {
	return c.Do(ctx, http.MethodPost, route("processes", name, "_signal", signal), nil, nil, nil)
}

// Status is how a process does.
type Status struct {
	Active       bool      `json:"active"` // it should run
	Running      int       `json:"running"`
	MaxProcesses int       `json:"max_processes"`
	NumProcesses int       `json:"numprocesses"`
	State        string    `json:"state"`
	NextRetryAt  time.Time `json:"next_retry_at"`
	LastError    string    `json:"last_error"`
	Once         bool      `json:"once"`
}

// Status says how a process does.
func (c *Client) Status(ctx context.Context, name string) (Status, error) {
	return get[Status](ctx, c, route("status", name), nil)
}

// Exit is the end of one instance.
type Exit struct {
	PID         int       `json:"pid"`
	OSPid       int       `json:"os_pid"`
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at"`
	ExitStatus  int       `json:"exit_status"`
	TermSignal  int       `json:"term_signal"` // 0 unless a signal killed it
	Reason      string    `json:"reason"`
	NextRetryAt time.Time `json:"next_retry_at"` // zero when it is not started again
	Stderr      []string  `json:"stderr"`        // its last lines
}

// Exits lists how the last instances of a process ended, oldest first.
func (c *Client) Exits(ctx context.Context, name string) ([]Exit, error) {
	return get[[]Exit](ctx, c, route("processes", name, "_exits"), nil)
}
