package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"
)

// Run is a program that the daemon runs once, without a description that stays.
// Its name serves all calls that take one, for as long as the daemon remembers
// how it ended. It is safe for concurrent use.
type Run struct {
	Name    string
	PID     int
	Streams []string // labels of its outputs, custom streams last

	client *Client

	mu   sync.Mutex // guards everything below
	exit *Exit      // once known
}

// Run starts a program once; p has no name. It returns when the program runs,
// and the error says why it does not. After ErrUnreachable nobody knows whether
// it was started.
//
// With Backpressure the program waits for those who follow its output, so that
// none of it can be missed. RedirectInput makes Stdin work.
func (c *Client) Run(ctx context.Context, p Process) (*Run, error) {
	r := &Run{client: c}
	type answer struct {
		Name    string   `json:"name"`
		PID     int      `json:"pid"`
		Streams []string `json:"streams"`
	}
	var a answer
	if err := c.Do(ctx, http.MethodPost, "/run", nil, p, &a); err != nil {
		return nil, err
	}
	if a.Name == "" || a.PID <= 0 {
		return nil, fmt.Errorf("%s does not say what it runs: is it gafferd that listens there?", c.endpoint.address)
	}
	r.Name, r.PID, r.Streams = a.Name, a.PID, a.Streams
	return r, nil
}

// Stdout follows the standard output from its first byte to its end, as Stream
// does.
func (r *Run) Stdout(ctx context.Context) iter.Seq2[Chunk, error] { return r.Output(ctx, "stdout") }

// Stderr follows the standard error output likewise.
func (r *Run) Stderr(ctx context.Context) iter.Seq2[Chunk, error] { return r.Output(ctx, "stderr") }

// Output follows any output, by its label.
func (r *Run) Output(ctx context.Context, label string) iter.Seq2[Chunk, error] {
	// The run is known to be there, so the first connection is tried again too.
	return r.client.follow(ctx, follower{path: route("streams", strconv.Itoa(r.PID), label), next: 0})
}

// Stdin writes to the program's standard input; Close closes it. It is for one
// writer: nobody else may write there.
func (r *Run) Stdin(ctx context.Context) *Input {
	return &Input{ctx: ctx, client: r.client, path: route("streams", strconv.Itoa(r.PID), "stdin")}
}

// Stop ends the program: politely first, by force when that takes too long. It
// returns at once unless it is told to wait. It and those below are repeated
// when the connection breaks.
func (r *Run) Stop(ctx context.Context, waits ...Waiting) error {
	return r.client.persist(ctx, func() error { return r.client.Stop(ctx, r.Name, waits...) })
}

// Kill ends the program by force, and after Stop also what it has started.
func (r *Run) Kill(ctx context.Context) error {
	return r.client.persist(ctx, func() error { return r.client.Signal(ctx, r.Name, "KILL") })
}

// Forget has the daemon forget the program, its exit and its output now, not
// only some time after its end. It stops the program if it runs.
func (r *Run) Forget(ctx context.Context, waits ...Waiting) error {
	first := true
	return r.client.persist(ctx, func() error {
		err := r.client.Delete(ctx, r.Name, waits...)
		if !first && Code(err) == "not_found" {
			return nil // only the answer was lost
		}
		first = false
		return err
	})
}

// Wait waits until the program has ended and returns how; see WaitExit.
func (r *Run) Wait(ctx context.Context) (Exit, error) {
	r.mu.Lock()
	known := r.exit
	r.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	exit, err := r.client.WaitExit(ctx, r.Name, r.PID)
	if err != nil {
		return Exit{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exit = &exit
	return exit, nil
}
