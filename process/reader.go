package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// reader moves the bytes of one pipe or socket into its log, straight from
// read(2) into the log's storage. It has no buffer, and while nothing comes it
// is one parked goroutine.
type reader struct {
	ctx  context.Context // ends when the stream must end
	log  *streams.Log
	kept *durable // what outlives this program; nil: nothing does
	grow pipeGrower

	unread func(lost int, err error) // Options.Unread, for this stream
	told   bool                      // that something waits for memory

	fd    int                       // while the runtime lends it, or is not to poll it
	short bool                      // the last read took less than it could, and than a full pipe holds
	fill  func([]byte) (int, error) // the method value, made once

	pipe      bool // not a socket: it may be gathered
	gathering gatherer
	hurried   bool // it has become a flood of small writes

	mu       sync.Mutex // guards what follows
	file     *os.File   // nil: fd has taken its place
	expected bool       // run is to get ready for what will come soon; only if kept
	cut      bool       // it has been interrupted
}

func newReader(ctx context.Context, log *streams.Log, f *os.File, kept *durable) *reader {
	r := &reader{ctx: ctx, log: log, file: f, kept: kept, unread: func(int, error) {}}
	r.grow.resize = r.resize
	r.fill = r.read
	return r
}

// run reads until the end of the pipe, or until interrupt.
func (r *reader) run() {
	r.prepare()
	for ended := false; !ended; {
		ended = r.attend() || r.gather()
	}
	r.end()
}

// end is what comes when all has been read. A socket can still be written to.
func (r *reader) end() {
	r.grow.release()
	r.log.Close()
	if r.pipe {
		r.close()
	}
}

// expect has run get ready for what will come soon.
func (r *reader) expect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || r.file == nil || r.cut || r.log.End() > 0 {
		return
	}
	r.expected = true
	r.file.SetReadDeadline(past) // fails only when run has ended
}

// prepare gets ready for what will come soon, if that is what run is to do.
func (r *reader) prepare() bool {
	r.mu.Lock()
	wanted := r.expected && !r.cut
	if wanted {
		r.expected = false
		r.file.SetReadDeadline(never)
	}
	r.mu.Unlock()
	if wanted && r.kept.backing == nil && !r.kept.lost {
		r.kept.begin(r.log)
	}
	return wanted
}

// attend reads whenever there is something. It reports whether it has come to the end:
// otherwise the stream is to be gathered.
func (r *reader) attend() (ended bool) {
	r.hurried = false
	conn, err := r.file.SyscallConn()
	if err == nil {
		err = conn.Read(r.drain)
	}
	for errors.Is(err, os.ErrDeadlineExceeded) && r.prepare() {
		err = conn.Read(r.drain)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		conn.Control(func(fd uintptr) { // fails only on a closed file, and it is ours to close
			r.fd = int(fd)
			r.rest()
		})
	}
	return !r.hurried
}

// drain takes all that can be read now. It reports true at the stream's end, and when it
// is to be gathered.
//
// It reads until there is nothing, even when the read before has emptied the
// pipe: the end of the stream may have come with the last bytes, in one wake-up.
func (r *reader) drain(fd uintptr) bool {
	r.fd = int(fd)
	for {
		if r.ctx.Err() != nil || r.log.Pace(r.ctx) != nil {
			return false // the deadline that comes with it ends the wait
		}
		n, err := r.once()
		switch {
		case err == syscall.EAGAIN:
			return false
		case noMemory(err):
			r.waitForMemory(err)
		case err != nil:
			return true
		case r.short:
			r.grow.calm()
			if r.hurried = r.pipe && r.gathering.hurry(n); r.hurried {
				return true
			}
		default:
			r.grow.flooded()
			r.gathering.bulk()
		}
	}
}

// memoryPause is the time until it is tried again to move what there was no memory for.
const memoryPause = 100 * time.Millisecond

// noMemory reports whether there was no memory for what has come.
func noMemory(err error) bool { return err == syscall.ENOMEM || err == syscall.ENOSPC }

// waitForMemory lets the program wait: the bytes are safe in its pipe.
func (r *reader) waitForMemory(why error) {
	if !r.told {
		r.told = true
		r.unread(0, why)
	}
	timer := time.NewTimer(memoryPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
	}
}

// once moves what is there, as far as there is room for it together. Its errors
// are those of read(2), but io.EOF at the end.
func (r *reader) once() (n int, err error) {
	if r.kept != nil && !r.kept.lost {
		n, more, err := r.kept.read(r.log, r.fd)
		if !r.kept.lost {
			r.short = !more && n < fullPipe
			return n, err
		}
	}
	return r.log.Fill(r.fill)
}

// read is one read(2), told apart from the end of the pipe by its error.
func (r *reader) read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(r.fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		r.short = n < len(p)
		return n, nil
	}
}

// rest takes what the pipe holds, and no more, for something that escaped may
// go on writing.
func (r *reader) rest() {
	left := buffered(r.fd)
	if r.kept != nil {
		left += r.kept.underWay()
	}
	for left > 0 {
		n, err := r.once()
		if noMemory(err) {
			r.unread(left, err) // the last that can be done for it
		}
		if n <= 0 || err != nil {
			return
		}
		left -= n
	}
}

// interrupt makes run take what the pipe holds and end. Its context must have ended.
func (r *reader) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	if r.file != nil {
		r.file.SetReadDeadline(past) // fails only when run has ended
	}
}

// resize gives the pipe another size, and reports whether it has it.
func (r *reader) resize(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return setPipeSize(r.fd, size) == nil
	}
	return control(r.file, func(fd int) error { return setPipeSize(fd, size) }) == nil
}
