package manager

import (
	"context"
	"errors"
	"sync"
)

// Operation is something under way. It is over when it has happened, or, if later
// operations on the same template have taken its place, when the last of these has.
//
// An Operation is safe for concurrent use and may be dropped.
type Operation struct {
	done chan struct{}

	mu      sync.Mutex // guards everything below
	pending int        // templates for which it is not over
	errs    []error
}

// newOperation is over when finish was called once for each part.
func newOperation(parts int) *Operation {
	o := &Operation{done: make(chan struct{}), pending: parts}
	if parts == 0 {
		close(o.done)
	}
	return o
}

// finish ends one part of o.
func (o *Operation) finish(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.errs = append(o.errs, err)
	}
	if o.pending--; o.pending == 0 {
		close(o.done)
	}
}

// Done is closed when the operation is over.
func (o *Operation) Done() <-chan struct{} { return o.done }

// Wait waits until the operation is over. It returns nil when it has happened
// or the last operation that has taken its place has; why a program could not be
// started, first of all templates that had that trouble; ErrClosed if Shutdown has
// prevented it; or ctx's cause.
func (o *Operation) Wait(ctx context.Context) error {
	select {
	case <-o.done:
	default:
		select {
		case <-o.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.errs...)
}
