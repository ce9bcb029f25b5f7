package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Errors of Input.Copy that callers may test for with errors.Is.
var (
	ErrInputClosed = errors.New("input closed")
	ErrInputHole   = errors.New("input hole")
)

// pieceSize is how many bytes of one writer stay together.
const pieceSize = 64 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// Deadlines of a file: past ends its waits now, never lets them last.
var (
	past  = time.Unix(1, 0)
	never time.Time
)

// Input is the writable side of stdin or of a custom stream. Its offset counts
// the bytes that the pipe has ever accepted.
//
// An Input is safe for concurrent use and starts no goroutine. Writers take turns:
// whoever has the turn keeps it for a piece of 64 KiB or until its reader ends, so that
// pieces are never mixed, and what has come is written at once, so that nothing waits
// for a piece to fill.
type Input struct {
	file   *os.File
	kept   *durable       // what outlives this program; nil: nothing does
	finish func() error   // tells the child that there is no more
	turn   chan struct{}  // has an element while somebody has the turn
	closed chan struct{}  // closed when nothing can be written any more
	writes sync.WaitGroup // the one under way; only begun before closed

	mu     sync.Mutex // guards everything below
	last   bool       // the present turn, if any, is the last
	offset int64      // changed only by whoever has the turn
}

func newInput(f *os.File, kept *durable, finish func() error) *Input {
	in := &Input{
		file:   f,
		kept:   kept,
		finish: finish,
		turn:   make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	if kept != nil {
		in.offset = kept.inputOffset()
	}
	return in
}

// newClosedInput is an Input that nothing can be written to any more.
func newClosedInput(kept *durable) *Input {
	in := newInput(nil, kept, func() error { return nil })
	in.last = true
	in.end()
	return in
}

// Copy writes all of r, in order with other writers. A process that does not
// read makes it wait until ctx ends. It reads from r while it has the turn, so
// a reader that stalls within a piece holds up the other writers.
//
// With at >= 0 the first byte of r is meant for that offset: bytes that were
// written already are skipped, and ErrInputHole is returned when some before
// them are missing. ErrInputClosed means that the process has closed its end,
// that it has ended, or that Close was called; it is no error if all of r had been
// written already.
//
// written counts the bytes of r that the pipe has accepted in this call, offset
// all that it has ever accepted. Both are right also with an error.
func (in *Input) Copy(ctx context.Context, r io.Reader, at int64) (written, offset int64, err error) {
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	w := writer{in: in, ctx: ctx, from: r, at: at, buf: buf[:]}
	for err == nil {
		err = w.piece()
	}
	if err == io.EOF {
		err = nil
	}
	return w.written, in.Offset(), err
}

// Offset is how many bytes the pipe has accepted so far.
func (in *Input) Offset() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.offset
}

// Closed is closed when nothing can be written any more: a copy that waits for
// its reader may be given up then.
func (in *Input) Closed() <-chan struct{} { return in.closed }

// Close ends the input for the child, after the piece that is being written. It
// does not wait for that. Closing twice is fine.
func (in *Input) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last = true
	select {
	case in.turn <- struct{}{}:
		defer func() { <-in.turn }()
		return in.end()
	default:
		return nil // whoever has the turn ends it
	}
}

// shut closes the input of a process that has ended and fails its writers. When it
// returns nothing of the input is in use any more.
func (in *Input) shut() {
	in.mu.Lock()
	in.last = true
	in.end()
	in.mu.Unlock()
	in.file.SetWriteDeadline(past) // fails when closed, which is as good
	in.writes.Wait()
}

// end closes the input. in.mu must be held.
func (in *Input) end() error {
	if in.isClosed() {
		return nil
	}
	close(in.closed)
	return in.finish()
}

func (in *Input) isClosed() bool {
	select {
	case <-in.closed:
		return true
	default:
		return false
	}
}

// take waits for the turn.
func (in *Input) take(ctx context.Context) error {
	if in.isLast() {
		return ErrInputClosed // what the present turn brings is not worth waiting for
	}
	select {
	case <-in.closed:
		return ErrInputClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case in.turn <- struct{}{}:
	}
	if in.isLast() {
		in.give()
		return ErrInputClosed
	}
	return nil
}

// isLast reports whether there is to be no turn any more but the present one.
func (in *Input) isLast() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.last
}

// give hands the turn on.
func (in *Input) give() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.last {
		in.end() // Close has returned, so nobody is left to hear of an error
	}
	<-in.turn
}

// write writes p in the turn of its caller and says how much was accepted. It waits for
// the child until ctx ends.
func (in *Input) write(ctx context.Context, p []byte) (int, error) {
	if !in.begin() {
		return 0, ErrInputClosed
	}
	n, err := in.send(ctx, p)
	in.writes.Done()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.offset += int64(n)
	switch {
	case err == nil:
		return n, nil
	case in.isClosed(), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return n, ErrInputClosed
	}
	return n, err
}

// begin begins a write unless the input is closed. Its end is in.writes.Done.
func (in *Input) begin() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.isClosed() {
		return false
	}
	in.writes.Add(1)
	return true
}

// expect gets ready for what will be written soon. It waits for no other writer.
func (in *Input) expect() {
	if in.kept == nil {
		return
	}
	select {
	case in.turn <- struct{}{}:
		defer in.give()
	default:
		return // whoever has the turn does it
	}
	if in.begin() {
		in.kept.openInput() // if it fails, so does the first write, which tells why
		in.writes.Done()
	}
}

func (in *Input) send(ctx context.Context, p []byte) (n int, err error) {
	offset := in.Offset()
	if in.kept != nil {
		if err := in.kept.stage(p, offset); err != nil {
			return 0, err
		}
	}
	conn, err := in.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var settle func() // nil: it did not have to wait
	waitErr := conn.Write(func(fd uintptr) bool {
		for n < len(p) {
			var sent int
			if in.kept != nil {
				sent, err = in.kept.input.send(int(fd), len(p)-n)
			} else {
				sent, err = syscall.Write(int(fd), p[n:])
			}
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				if settle == nil {
					settle = in.interrupt(ctx)
				}
				return false
			case err != nil:
				return true
			}
			n += sent
		}
		return true
	})
	if settle != nil {
		settle()
	}
	if waitErr != nil {
		err = waitErr
	}
	if in.kept != nil {
		in.kept.input.forget(offset, offset+int64(n))
	}
	return n, err
}

// interrupt has the end of ctx interrupt waits for the child, until settle is called.
func (in *Input) interrupt(ctx context.Context) (settle func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		in.file.SetWriteDeadline(past)
		close(interrupted)
	})
	return func() {
		if !stop() {
			<-interrupted
			in.file.SetWriteDeadline(never)
		}
	}
}

// writer is one call of Copy.
type writer struct {
	in      *Input
	ctx     context.Context
	from    io.Reader
	at      int64 // the offset of the next byte of from, or negative
	buf     []byte
	begun   bool
	written int64
}

// piece reads and writes up to 64 KiB in one turn. The first read is outside
// the turn, since nothing ties the others to a writer that has written nothing.
func (w *writer) piece() error {
	first := !w.begun
	w.begun = true
	if first && w.in.isLast() {
		return w.repeat(0, nil)
	}
	n, readErr := w.from.Read(w.buf)
	if n == 0 && readErr == io.EOF && !first {
		return io.EOF // the last piece was a whole one
	}
	if err := w.in.take(w.ctx); errors.Is(err, ErrInputClosed) {
		return w.repeat(n, readErr)
	} else if err != nil {
		return err
	}
	defer w.in.give()
	for left := len(w.buf); ; {
		if err := w.put(w.buf[:n]); err != nil {
			return err
		}
		left -= n
		if readErr == io.EOF {
			return io.EOF
		}
		if readErr != nil {
			return fmt.Errorf("read what is to be written: %w", readErr)
		}
		if left == 0 {
			return nil
		}
		n, readErr = w.from.Read(w.buf[:left])
	}
}

// repeat is the rest of a copy when nothing can be written any more, with n bytes that
// have been read: all of it has been written already, or it fails.
func (w *writer) repeat(n int, err error) error {
	for {
		if w.at < 0 || w.at+int64(n) > w.in.Offset() {
			return ErrInputClosed
		}
		w.at += int64(n)
		if err == io.EOF {
			return io.EOF
		}
		if err != nil {
			return fmt.Errorf("read what is to be written: %w", err)
		}
		n, err = w.from.Read(w.buf)
	}
}

// put writes what of p is not there yet.
func (w *writer) put(p []byte) error {
	if w.at >= 0 {
		offset := w.in.Offset()
		if w.at > offset {
			return fmt.Errorf("%w: %d bytes were written so far, at=%d leaves some out", ErrInputHole, offset, w.at)
		}
		skip := min(offset-w.at, int64(len(p)))
		p = p[skip:]
		w.at += skip
	}
	if len(p) == 0 {
		return nil
	}
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	n, err := w.in.write(w.ctx, p)
	w.written += int64(n)
	if w.at >= 0 {
		w.at += int64(n)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		switch {
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		default:
			return ErrInputClosed
		}
	}
	return err
}
