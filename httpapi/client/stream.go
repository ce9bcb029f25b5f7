package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Latest as a Since means: only what is new from now on.
const Latest int64 = -1

// StreamOptions say where a stream is entered. The zero value starts with the
// oldest byte that is still kept.
type StreamOptions struct {
	Since int64 // offset to start at, or Latest
	Tail  int   // start so many lines before the end instead, if > 0
}

// Chunk is a run of bytes of a stream.
type Chunk struct {
	Offset int64  // of the first byte, counted from the first one the process wrote
	Data   []byte // valid until the next turn of the loop; empty when there is only Missed to tell
	Missed int64  // bytes just before Offset that the daemon no longer had
}

// Stream follows one output of a process: "stdout", "stderr" or a label of its
// own. The loop ends when the stream does, which is shortly after the process
// has ended.
//
// A broken connection is made again and the stream goes on at the byte where it
// was: the loop sees every byte once and in order, except those it is told of
// in Missed. An error is the last thing the loop sees: an *Error such as
// io_not_found, the cause of ctx, ErrUnreachable when the daemon is not there at
// all or stays away for longer than WithPatience allows, or ErrReplaced.
func (c *Client) Stream(ctx context.Context, pid int, label string, o StreamOptions) iter.Seq2[Chunk, error] {
	return c.follow(ctx, follower{path: route("streams", strconv.Itoa(pid), label), enter: o, next: -1})
}

// follow is the loop of f, which is complete but for whom it serves.
func (c *Client) follow(ctx context.Context, f follower) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		f := f // each loop is a new run
		f.client, f.yield = c, yield
		if err := f.follow(ctx); err != nil && !errors.Is(err, errLeft) {
			yield(Chunk{}, err)
		}
	}
}

// errLeft means that the loop was left: nothing may be yielded any more.
var errLeft = errors.New("the loop was left")

// follower is one run of a Stream loop.
type follower struct {
	client *Client
	path   string
	enter  StreamOptions
	yield  func(Chunk, error) bool

	next   int64  // offset of the byte to come; -1 until the daemon has said where the stream was entered
	buffer []byte // made when the first connection stands
}

// follow connects until the stream has ended, and returns nil then.
func (f *follower) follow(ctx context.Context) error {
	again := retry{client: f.client}
	for {
		ended, err := f.connect(ctx, &again)
		if ended || errors.Is(err, errLeft) {
			return err
		}
		if f.next < 0 {
			return err // it never worked: whoever called wants to know at once
		}
		if err := again.again(ctx, err); err != nil {
			return err
		}
	}
}

// connect reads one response to its end. Only a response that ends properly is
// the end of the stream.
func (f *follower) connect(ctx context.Context, again *retry) (ended bool, err error) {
	resp, err := f.client.send(ctx, http.MethodGet, f.path, f.query(), nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	again.connected()
	if err := f.begin(resp.Header); err != nil {
		return false, err
	}
	for {
		n, err := resp.Body.Read(f.buffer)
		if n > 0 {
			again.alive()
			chunk := Chunk{Offset: f.next, Data: f.buffer[:n]}
			f.next += int64(n)
			if !f.yield(chunk, nil) {
				return false, errLeft
			}
		}
		switch {
		case err == io.EOF:
			return true, nil
		case err != nil && ctx.Err() != nil:
			return false, context.Cause(ctx)
		case err != nil:
			return false, f.client.lost(err)
		}
	}
}

func (f *follower) query() url.Values {
	q := url.Values{"feed": {"continuous"}}
	switch {
	case f.next >= 0:
		q.Set("since", strconv.FormatInt(f.next, 10))
	case f.enter.Tail > 0:
		q.Set("tail", strconv.Itoa(f.enter.Tail))
	case f.enter.Since != Latest:
		q.Set("since", strconv.FormatInt(f.enter.Since, 10))
	}
	return q
}

// begin takes the offset of the first byte from the header and tells the loop
// about a gap between it and what was asked for.
func (f *follower) begin(h http.Header) error {
	offset, err := strconv.ParseInt(h.Get("Gaffer-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return fmt.Errorf("%s does not say at which offset the stream begins: is it gafferd that listens there?", f.client.endpoint.address)
	}
	wanted := f.next
	if wanted < 0 && f.enter.Tail <= 0 && f.enter.Since >= 0 {
		wanted = f.enter.Since
	}
	if f.next >= 0 && offset < f.next {
		return ErrReplaced
	}
	if f.buffer == nil {
		f.buffer = make([]byte, 64<<10)
	}
	f.next = offset
	if wanted >= 0 && wanted < offset && !f.yield(Chunk{Offset: offset, Missed: offset - wanted}, nil) {
		return errLeft
	}
	return nil
}
