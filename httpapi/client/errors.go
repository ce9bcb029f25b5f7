package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Error is an answer of the daemon that says no.
type Error struct {
	Status int    // the HTTP status
	Code   string // stable, for programs: "not_found", "conflict" …; "" when it was not gafferd that answered
	Reason string // one sentence for people

	// What is wrong with a configuration, one by one, if that is why.
	Problems []string

	// What a write to a process got done before it failed.
	Written int64
	Offset  int64
}

func (e *Error) Error() string {
	switch {
	case e.Code == "" && e.Reason != "":
		return e.Reason
	case e.Code == "":
		return fmt.Sprintf("unexpected answer %d %s: is it gafferd that listens there?", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (%s)", e.Reason, e.Code)
}

// Code is the code of the *Error in err's chain, or "".
func Code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Errors that callers may test for with errors.Is.
var (
	// ErrUnreachable: no connection to the daemon could be made, or it broke
	// before the answer came. Whether the request was carried out is unknown.
	ErrUnreachable = errors.New("gafferd cannot be reached")
	// ErrNotDone: what was asked for is under way, but did not happen within
	// the time given to WaitFor.
	ErrNotDone = errors.New("accepted, but not done within the time given")
	// ErrReplaced: the stream that was being followed or written to is no longer
	// there; the daemon has been restarted and another has taken its place.
	ErrReplaced = errors.New("the daemon was restarted and this stream is gone")
	// ErrShared: somebody else wrote to the stream that an Input counts on
	// having for itself, so not all of the last Write is in it.
	ErrShared = errors.New("somebody else writes to this stream too")
)

// unreachable says which daemon could not be reached, or has been lost, and why.
type unreachable struct {
	address string
	cause   error
}

// errRestarting is why a daemon that is there has ended a connection.
var errRestarting = errors.New("the daemon is restarting")

func (u *unreachable) Error() string {
	switch {
	case u.cause == errRestarting:
		return fmt.Sprintf("gafferd at %s is restarting", u.address)
	case errors.Is(u.cause, io.ErrUnexpectedEOF):
		return fmt.Sprintf("the connection to gafferd at %s broke", u.address)
	}
	return fmt.Sprintf("cannot reach gafferd at %s: %v", u.address, u.cause)
}

func (u *unreachable) Unwrap() []error { return []error{ErrUnreachable, u.cause} }

// lost wraps what net/http reports when there is no answer. The URL that
// *url.Error repeats is left out: the address says it better.
func (c *Client) lost(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return &unreachable{c.endpoint.address, err}
}

// broken is why a feed ends of which no more can be read. A line that is too long
// would be as long the next time.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, bufio.ErrTooLong):
		return err
	}
	return c.lost(err)
}

// refusal reads the error out of an answer that is not a success.
func (c *Client) refusal(resp *http.Response) error {
	var body struct {
		Error, Reason   string
		Problems        []string
		Written, Offset int64
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return c.lost(err)
	}
	if json.Unmarshal(text, &body) != nil {
		body.Error, body.Reason = "", "" // not ours, whatever it is
	}
	if resp.StatusCode == http.StatusBadRequest && bytes.HasPrefix(text, []byte("Client sent an HTTP request to an HTTPS server")) {
		body.Reason = "TLS is spoken at " + c.endpoint.address + ": use https:// instead of http://"
	}
	return &Error{resp.StatusCode, body.Error, body.Reason, body.Problems, body.Written, body.Offset}
}
