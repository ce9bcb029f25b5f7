package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Input writes to a process: to its stdin or to a custom stream. It remembers
// how much the process has been sent, so that a write whose connection broke is
// repeated from where it stopped and no byte is written twice.
//
// That count is right as long as nobody else writes to the same stream during
// a broken connection; otherwise nothing is written twice either, but the
// repeated write may take the other's bytes for its own and skip as many.
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
	return in, in.post(nil, url.Values{}) // an empty write asks for the offset
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

// repeat posts p until it went through. The first attempt takes its place
// behind whatever others wrote. A repetition asks how far the last one came and
// says at which offset the rest belongs, because what is left of the broken one
// may still be on its way into the pipe.
func (in *Input) repeat(p []byte, query url.Values) error {
	start := in.offset
	again := retry{client: in.client}
	err := in.post(p, query)
	for err != nil {
		if err := again.again(in.ctx, err); err != nil {
			return err
		}
		if err = in.post(nil, url.Values{}); err == nil {
			again.connected()
			if in.offset > start {
				again.alive()
			}
			query.Set("at", strconv.FormatInt(in.offset, 10))
			err = in.post(p[min(max(in.offset-start, 0), int64(len(p))):], query)
		}
		if refused, ok := errors.AsType[*Error](err); ok && query.Has("eof") && refused.Status == http.StatusConflict {
			return nil // it was closed before, only the answer was lost
		}
	}
	return nil
}

// post sends one request and learns the offset from its answer.
func (in *Input) post(p []byte, query url.Values) error {
	resp, err := in.client.send(in.ctx, http.MethodPost, in.path, query, bytes.NewReader(p))
	if refused, ok := errors.AsType[*Error](err); ok && refused.Written > 0 {
		in.offset = refused.Offset
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if offset, err := strconv.ParseInt(resp.Header.Get("Gaffer-Offset"), 10, 64); err == nil {
		in.offset = offset
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err != nil && in.ctx.Err() == nil {
		return in.client.lost(err)
	}
	return nil
}
