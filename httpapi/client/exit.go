package client

import (
	"context"
	"errors"
	"strings"
)

// errFound ends the watching for something that is there already.
var errFound = errors.New("found")

// WaitExit waits until an instance of a process, which is known to be or to have
// been, has ended and returns how. It survives a broken connection; ErrReplaced
// means that the daemon knows nothing of the instance any more.
func (c *Client) WaitExit(ctx context.Context, name string, pid int) (Exit, error) {
	var exit Exit
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := watcher{client: c, path: route("watch", "proc", name), connected: true, last: Latest}
	// The daemon is asked once it is listening: the end is either found or
	// comes as an event.
	w.options.Ready = func() {
		found, err := c.findExit(ctx, name, pid)
		switch {
		case err != nil:
			stop(err)
		case found != nil:
			exit = *found
			stop(errFound)
		}
	}
	w.yield = func(ev Event, _ error) bool {
		if ev.PID != pid || !strings.HasSuffix(ev.Event, ".exit") {
			return true
		}
		// It may have been forgotten already: the event says the most of it.
		exit = Exit{PID: ev.PID, OSPid: ev.OSPid, EndedAt: ev.Time, ExitStatus: ev.ExitStatus,
			TermSignal: ev.TermSignal, Reason: ev.Reason}
		if found, err := c.findExit(ctx, name, pid); err == nil && found != nil {
			exit = *found
		}
		return false
	}
	err := w.watch(ctx)
	if errors.Is(err, errLeft) || errors.Is(err, errFound) {
		return exit, nil
	}
	return Exit{}, err
}

// findExit returns the exit of an instance if there is one by now, and nil while
// it runs.
func (c *Client) findExit(ctx context.Context, name string, pid int) (exit *Exit, err error) {
	err = c.persist(ctx, func() error {
		exit, err = c.findExitOnce(ctx, name, pid)
		return err
	})
	return exit, err
}

func (c *Client) findExitOnce(ctx context.Context, name string, pid int) (*Exit, error) {
	for range 2 {
		exits, err := c.Exits(ctx, name)
		if Code(err) == "not_found" {
			return nil, ErrReplaced
		}
		if err != nil {
			return nil, err
		}
		for _, e := range exits {
			if e.PID == pid {
				return &e, nil
			}
		}
		_, err = c.Instance(ctx, pid)
		if Code(err) != "not_found" {
			return nil, err
		}
		// It has ended since it was looked for, or another life of the daemon
		// ran it.
	}
	return nil, ErrReplaced
}
