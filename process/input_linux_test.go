package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// reading starts a program with a stdin.
func reading(t *testing.T, s Spec) (*Process, *Input) {
	t.Helper()
	s.RedirectInput, s.Backpressure = true, true
	p := run(t, s, Options{})
	in, err := p.Input("stdin")
	if err != nil {
		t.Fatal(err)
	}
	return p, in
}

func TestInputReachesTheProcess(t *testing.T) {
	p, in := reading(t, program("cat"))
	all := collect(t, p, "stdout")
	text := floodText(2 << 20)
	written, offset, err := in.Copy(t.Context(), strings.NewReader(text), -1)
	if written != 2<<20 || offset != 2<<20 || err != nil {
		t.Errorf("got %d, %d, %v", written, offset, err)
	}
	written, offset, err = in.Copy(t.Context(), strings.NewReader("end"), -1)
	if written != 3 || offset != 2<<20+3 || err != nil {
		t.Errorf("got %d, %d, %v", written, offset, err)
	}
	in.Close()
	in.Close()
	if got := all(); got != text+"end" {
		t.Errorf("got %s", brief(got))
	}
	if exit := end(t, p); exit.ExitStatus != 0 {
		t.Errorf("got %+v", exit)
	}
	written, offset, err = in.Copy(t.Context(), strings.NewReader("late"), -1)
	if written != 0 || offset != 2<<20+3 || !errors.Is(err, ErrInputClosed) {
		t.Errorf("after the end: got %d, %d, %v", written, offset, err)
	}
}

func TestInputIsDeliveredAsItComes(t *testing.T) {
	p, in := reading(t, program("cat"))
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		_, _, err := in.Copy(t.Context(), r, -1)
		copied <- err
	}()
	for i := range 3 {
		fmt.Fprintf(w, "line %d\n", i)
		saying(t, p, "stdout", fmt.Sprintf("line %d\n", i))
	}
	w.Close()
	if err := <-copied; err != nil {
		t.Error(err)
	}
}

func TestPiecesOfInputAreNotMixed(t *testing.T) {
	const writers, size = 8, 3 * pieceSize
	p, in := reading(t, program("cat"))
	all := collect(t, p, "stdout")
	var work sync.WaitGroup
	for i := range writers {
		work.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, size)
			// A reader that gives a few bytes at a time, as a network does.
			_, _, err := in.Copy(t.Context(), &trickle{body, 1000}, -1)
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	in.Close()
	got := all()
	if len(got) != writers*size {
		t.Fatalf("got %d bytes, want %d", len(got), writers*size)
	}
	for i := 0; i < len(got); i += pieceSize {
		piece := got[i : i+pieceSize]
		if strings.Trim(piece, piece[:1]) != "" {
			t.Fatalf("the piece at %d is mixed", i)
		}
	}
}

// trickle gives at most n bytes a read.
type trickle struct {
	rest []byte
	n    int
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestInputAt(t *testing.T) {
	p, in := reading(t, program("cat"))
	for _, test := range []struct {
		text            string
		at              int64
		written, offset int64
		err             error
	}{
		{"0123", 0, 4, 4, nil},
		{"0123", 0, 0, 4, nil},   // a retry of what was written
		{"234567", 2, 4, 8, nil}, // of what was written in part
		{"x", 9, 0, 8, ErrInputHole},
		{"", 9, 0, 8, ErrInputHole},
		{"", 8, 0, 8, nil},
		{"", 3, 0, 8, nil},
		{"89", 8, 2, 10, nil},
		{"ab", -1, 2, 12, nil},
	} {
		for _, r := range []io.Reader{strings.NewReader(test.text), &trickle{[]byte(test.text), 1}} {
			written, offset, err := in.Copy(t.Context(), r, test.at)
			if written != test.written || offset != test.offset || !errors.Is(err, test.err) {
				t.Errorf("%q at %d: got %d, %d, %v", test.text, test.at, written, offset, err)
			}
			if test.written > 0 {
				break // once is enough, the next would be a retry
			}
		}
	}
	in.Close()
	if got := output(t, p, "stdout"); got != "0123456789ab" {
		t.Errorf("got %q", got)
	}
}

// Two retries of the same bytes at once must not write any of them twice.
func TestConcurrentRetriesWriteOnce(t *testing.T) {
	p, in := reading(t, program("cat"))
	all := collect(t, p, "stdout")
	text := floodText(5*pieceSize + 100)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			if _, _, err := in.Copy(t.Context(), &trickle{[]byte(text), 10000}, 0); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	in.Close()
	if got := all(); got != text {
		t.Errorf("got %s", brief(got))
	}
}

func TestInputToAProcessThatDoesNotRead(t *testing.T) {
	p, in := reading(t, program("hang"))
	saying(t, p, "stdout", "up")
	tooLong := errors.New("too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	full := make(chan struct{})
	go func() {
		defer close(full)
		poll(t, "the pipe to be full", func() bool { return in.Offset() == calmPipe })
		cancel(tooLong)
	}()
	written, offset, err := in.Copy(ctx, strings.NewReader(floodText(1<<20)), -1)
	<-full
	if written != calmPipe || offset != calmPipe || !errors.Is(err, tooLong) {
		t.Errorf("got %d, %d, %v; a pipe has %d", written, offset, err, calmPipe)
	}

	// The deadline of the one must not touch the next, nor one that waits its turn.
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, _, err := in.Copy(t.Context(), strings.NewReader("first"), -1)
		first <- err
	}()
	poll(t, "the first to have its turn", func() bool { return len(in.turn) == 1 })
	waiting, stop := context.WithCancelCause(t.Context())
	go func() {
		_, _, err := in.Copy(waiting, strings.NewReader("second"), -1)
		second <- err
	}()
	stop(tooLong)
	if err := <-second; !errors.Is(err, tooLong) {
		t.Errorf("waiting for the turn: %v", err)
	}
	p.Kill("")
	if err := <-first; !errors.Is(err, ErrInputClosed) {
		t.Errorf("waiting for the process: %v", err)
	}
	if got := in.Offset(); got != calmPipe {
		t.Errorf("the offset is %d", got)
	}
}

func TestInputThatTheProcessCloses(t *testing.T) {
	p, in := reading(t, shell("exec <&-; echo closed; exec sleep 1000"))
	saying(t, p, "stdout", "closed")
	written, offset, err := in.Copy(t.Context(), strings.NewReader("x"), -1)
	if written != 0 || offset != 0 || !errors.Is(err, ErrInputClosed) {
		t.Errorf("got %d, %d, %v", written, offset, err)
	}
}

func TestCloseLetsThePieceBeFinished(t *testing.T) {
	p, in := reading(t, program("cat"))
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		_, _, err := in.Copy(t.Context(), r, -1)
		copied <- err
	}()
	io.WriteString(w, "begun ")
	saying(t, p, "stdout", "begun ")
	in.Close()
	if _, _, err := in.Copy(t.Context(), strings.NewReader("late"), -1); !errors.Is(err, ErrInputClosed) {
		t.Errorf("after Close: %v", err)
	}
	io.WriteString(w, "and done")
	w.Close()
	if err := <-copied; err != nil {
		t.Error(err)
	}
	if got := output(t, p, "stdout"); got != "begun and done" {
		t.Errorf("got %q", got)
	}
}

func TestReaderThatFails(t *testing.T) {
	_, in := reading(t, program("cat"))
	broken := errors.New("broken")
	written, _, err := in.Copy(t.Context(), io.MultiReader(strings.NewReader("abc"), failing{broken}), -1)
	if written != 3 || !errors.Is(err, broken) {
		t.Errorf("got %d, %v", written, err)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// A child that ends while bytes are in flight must not count any twice.
func TestInputOffsetIsWhatThePipeTook(t *testing.T) {
	p, in := reading(t, shell("head -c 100000 >/dev/null; kill -STOP $$"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct{ written, offset int64 }
	done := make(chan result, 1)
	go func() {
		written, offset, _ := in.Copy(ctx, strings.NewReader(floodText(1<<20)), -1)
		done <- result{written, offset}
	}()
	poll(t, "the child to stop", func() bool {
		leader, err := readProc(p.OSPid())
		return err == nil && leader.state == 'T'
	})
	poll(t, "the pipe to fill", func() bool { return in.Offset() >= 100000 })
	cancel()
	if r := <-done; r.written != r.offset || r.written != in.Offset() || r.written < 100000 || r.written > 100000+2*calmPipe {
		t.Errorf("got %+v", r)
	}
	p.Signal(syscall.SIGCONT)
}
