package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Input writes to a process: to its stdin or to a custom stream. It says with
// every write at which offset it belongs, so that a write whose connection broke
// is repeated from where it stopped and no byte is written twice.
//
// That needs the stream for itself. Where others write too a Write returns
// ErrShared, and WriteInput is the one to use. A stream that is found to be
// shorter than it was is another's, of a daemon that has been restarted: the
// Write returns ErrReplaced.
//
// An Input is for one goroutine at a time.
type Input struct {
	ctx    context.Context
	client *Client
	path   string
	offset int64
}

// Input opens the stdin of a process, or the custom stream called label. Every
// write is bound by ctx. An *Error forbidden_write means that the process was
// not created with redirect_input.
func (c *Client) Input(ctx context.Context, pid int, label string) (*Input, error) {
	in := &Input{ctx: ctx, client: c, path: route("streams", strconv.Itoa(pid), label)}
	_, err := in.post(nil, url.Values{}) // an empty write asks for the offset
	return in, err
}

// WriteInput writes all of r to a stream of a process as it comes, in one
// request, in order with others who write to it, and closes the stream for the
// process if eof is set. It returns when all is in the pipe. It cannot be
// repeated: after ErrUnreachable nobody knows how much was written; after an
// *Error its Written says.
func (c *Client) WriteInput(ctx context.Context, pid int, label string, r io.Reader, eof bool) (written int64, err error) {
	query := url.Values{}
	if eof {
		query.Set("eof", "true")
	}
	resp, err := c.send(ctx, http.MethodPost, route("streams", strconv.Itoa(pid), label), query, r)
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Written, err
	}
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	written, err = strconv.ParseInt(resp.Header.Get("Gaffer-Written"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s does not say how much was written: is it gafferd that listens there?", c.endpoint.address)
	}
	return written, nil
}

// Offset counts all bytes ever written to this stream, as far as known here.
func (in *Input) Offset() int64 { return in.offset }

// Write returns when all of p is in the pipe, which may take as long as the
// process takes to read. After an error n says how many bytes got there, as
// far as the daemon could tell.
func (in *Input) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		piece := p[n:min(len(p), n+maxPiece)]
		start := in.offset
		err = in.repeat(piece, url.Values{})
		if err == nil {
			n += len(piece)
		} else {
			n += int(min(max(in.offset-start, 0), int64(len(piece))))
		}
	}
	return n, err
}

// maxPiece is the most that one request carries: the daemon does not mix so
// much with what others write, and no more than that is sent again.
const maxPiece = 64 << 10

// ReadFrom writes all of r, in pieces that can be repeated.
func (in *Input) ReadFrom(r io.Reader) (n int64, err error) {
	buffer := make([]byte, maxPiece)
	for {
		m, readErr := r.Read(buffer)
		if m > 0 {
			written, err := in.Write(buffer[:m])
			n += int64(written)
			if err != nil {
				return n, err
			}
		}
		switch {
		case readErr == io.EOF:
			return n, nil
		case readErr != nil:
			return n, readErr
		}
	}
}

// Close closes the stream on the daemon's side: the process reads the end of
// its input once it has read all that was written. Whoever only wants to stop
// writing simply forgets the Input.
func (in *Input) Close() error {
	return in.repeat(nil, url.Values{"eof": {"true"}})
}

// repeat posts p until it went through. A repetition first asks how far the
// last one came, so as to send only the rest; what is left of the broken one may
// still be on its way, and is skipped by its offset when it arrives.
func (in *Input) repeat(p []byte, query url.Values) error {
	start := in.offset
	again := retry{client: in.client}
	query.Set("at", strconv.FormatInt(start, 10))
	written, err := in.post(p, query)
	if err == nil && written < int64(len(p)) {
		return ErrShared // only the first attempt can tell
	}
	for err != nil {
		if err := again.again(in.ctx, err); err != nil {
			return err
		}
		if _, err = in.post(nil, url.Values{}); err == nil {
			again.connected()
			if in.offset < start {
				in.offset = start // of what is gone: a later Write finds a hole
				return ErrReplaced
			}
			if in.offset > start {
				again.alive()
			}
			query.Set("at", strconv.FormatInt(in.offset, 10))
			_, err = in.post(p[min(max(in.offset-start, 0), int64(len(p))):], query)
		}
		if refused, ok := errors.AsType[*Error](err); ok && query.Has("eof") && refused.Status == http.StatusConflict {
			return nil // it was closed before, only the answer was lost
		}
	}
	return nil
}

// post sends one request and learns the offset from its answer.
func (in *Input) post(p []byte, query url.Values) (written int64, err error) {
	resp, err := in.client.send(in.ctx, http.MethodPost, in.path, query, bytes.NewReader(p))
	if refused, ok := errors.AsType[*Error](err); ok && refused.Written > 0 {
		in.offset = refused.Offset
	}
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	offset, err := strconv.ParseInt(resp.Header.Get("Gaffer-Offset"), 10, 64)
	if err == nil {
		written, err = strconv.ParseInt(resp.Header.Get("Gaffer-Written"), 10, 64)
	}
	if err != nil {
		return 0, fmt.Errorf("%s does not say how much was written: is it gafferd that listens there?", in.client.endpoint.address)
	}
	in.offset = offset
	return written, nil
}
