package streams

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Latest as the offset of a subscription means: only what is written from now on.
const Latest int64 = -1

// Default sizes of a Log's window, in bytes.
const (
	DefaultWindow    = 1 << 20
	DefaultMaxWindow = 16 << 20
)

// Options configure a Log. The zero value works.
type Options struct {
	// Window is how many bytes are kept in memory for readers to come.
	// 0 means DefaultWindow.
	Window int

	// MaxWindow is how far the window grows while readers follow a flood.
	// 0 means DefaultMaxWindow; less than Window means Window.
	MaxWindow int

	// Backpressure makes the writer wait for the slowest attached Cursor, as a
	// pipe does, instead of letting a slow one go.
	Backpressure bool

	// Memory is the budget this Log shares with others. nil means no limit but
	// the Log's own window.
	Memory *Memory

	// Sequence numbers the writes of all Logs that share it. nil means one of
	// the Log's own.
	Sequence *Sequence

	// Bell is rung by every write and by the end. nil means none.
	Bell *Bell

	// Backing holds what the Log keeps beyond the end of this program. nil means
	// that nothing does. Only Splice may then bring what is appended.
	Backing *Backing

	// Archive is where readers find what is no longer in memory. nil means
	// nowhere.
	Archive Archive
}

// Log is the output of one stream: an append-only sequence of bytes, each with
// an offset counted from 0. The newest bytes are kept in memory, up to a
// window; older ones are forgotten, and a reader that still wanted them is told
// how many it missed.
//
// One goroutine at a time may write (Pace, Fill, Splice, Write). Restore comes before
// anything else, and Back before the first write, from the goroutine that writes. All
// other methods may be called by any number of goroutines at any time. A Log starts no
// goroutines.
type Log struct {
	window       int64     // set by NewLog, never changed, as are the next six
	maxWindow    int64     //
	backpressure bool      //
	memory       *Memory   // nil: no shared budget
	sequence     *Sequence //
	bell         *Bell     // nil: none
	archive      Archive   // nil: none

	done chan struct{} // closed by Close

	// changes counts what was appended or restored, and the end: each before it has its
	// number, so that whoever knows of a number finds all that is older.
	changes atomic.Uint64

	mu        sync.Mutex // guards everything below
	store     store
	writing   bool // the writer has free space of the last block in hand
	closed    bool
	endNumber uint64        // of the end in the sequence, once closed
	endNano   int64         // when that was
	retired   bool          // to be discarded when no Cursor is attached
	discarded bool          // nothing is kept any more
	grown     chan struct{} // closed to wake waiting readers; nil when none waits
	handoffs  []*handoff    // of readers that wait in NextUnless
	cursors   map[*Cursor]struct{}
	tap       *Cursor // one of them that the writer never waits for; nil: none
	reserved  *Cursor // one of them that stands in for readers to come; nil: none
	awaited   int     // how many those are
	readers   int     // how many are attached
	heldBack  bool    // they are about to leave, and come again to another program
	flow      flow
	accounted int64    // what of store.size Memory knows of
	backing   *Backing // nil: none
}

// NewLog makes an empty Log.
func NewLog(o Options) *Log {
	l := &Log{
		window:       int64(o.Window),
		maxWindow:    int64(o.MaxWindow),
		backpressure: o.Backpressure,
		memory:       o.Memory,
		sequence:     o.Sequence,
		bell:         o.Bell,
		archive:      o.Archive,
		backing:      o.Backing,
		done:         make(chan struct{}),
	}
	if l.window <= 0 {
		l.window = DefaultWindow
	}
	if l.maxWindow <= 0 {
		l.maxWindow = DefaultMaxWindow
	}
	l.maxWindow = max(l.window, l.maxWindow)
	if l.sequence == nil {
		l.sequence = new(Sequence)
	}
	l.store.maxBlock = int(min(maxBlock, max(l.window/4, minBlock)))
	l.flow.limit = l.window
	if l.backing != nil {
		l.awaited = l.backing.awaited
	}
	l.startBehindArchive()
	l.memory.add(l)
	return l
}

// startBehindArchive makes the next byte the one behind those that an earlier program has
// written there. What Restore finds is newer.
func (l *Log) startBehindArchive() {
	if l.archive != nil {
		l.store.end = l.archive.End()
	}
}

// Write appends p, after Pace. It never fails while the Log is open; after
// Close it returns ErrClosed.
func (l *Log) Write(p []byte) (int, error) {
	var written int
	for written < len(p) {
		if err := l.Pace(context.Background()); err != nil {
			return written, err
		}
		n, err := l.Fill(func(buf []byte) (int, error) { return copy(buf, p[written:]), nil })
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Fill calls read once with free space of the Log and appends the n bytes that
// it says it has put there; n <= 0 appends nothing. It returns what read
// returned, or 0 and ErrClosed once the Log is closed. The bytes get one time stamp and
// one number. Fill does not wait for readers: call Pace before it.
func (l *Log) Fill(read func(p []byte) (n int, err error)) (int, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return 0, ErrClosed
	}
	if size := l.store.grows(); size > 0 && l.store.full > 0 {
		if b := l.spare(size); b != nil {
			l.store.reuse(b)
		}
	}
	free := l.store.direct()
	l.writing = true
	l.mu.Unlock()

	// The free space beyond what is committed belongs to the writer alone, so
	// the lock need not be held while the kernel copies.
	if free != nil {
		n, err := read(free)
		return l.append(free[:max(n, 0)], true, err)
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	n, err := read((*scratch)[:min(floodBlock, l.store.maxBlock)])
	return l.append((*scratch)[:max(n, 0)], false, err)
}

// append commits p, which already lies behind the committed bytes of the last
// block if inPlace and is copied there otherwise. It returns what Fill returns.
func (l *Log) append(p []byte, inPlace bool, err error) (int, error) {
	l.mu.Lock()
	l.writing = false
	switch {
	case len(p) == 0:
		l.store.full = 0
	case l.closed: // meanwhile: readers may have seen the end
		p, err = nil, ErrClosed
	default:
		l.changes.Add(1)
		m := l.sequence.mark(l.store.end)
		if l.backing != nil {
			l.backing.mark(m, m.Offset+int64(len(p)))
		}
		if inPlace {
			l.store.commit(len(p), m)
		} else {
			l.store.add(p, m)
		}
		l.trim()
		l.wake()
	}
	urgent := l.tap != nil && l.store.end-l.tap.pos > urgentBytes
	if l.discarded {
		l.dropAll()
	}
	freed := l.settle()
	l.mu.Unlock()
	l.bell.ring(urgent)
	l.memory.account(-freed)
	return len(p), err
}

// Close ends the Log: readers get what there is and then io.EOF. It releases a
// writer that waits in Pace. Closing again does nothing.
func (l *Log) Close() error {
	l.end(Mark{})
	return nil
}

// end is Close with the mark of the end, if that is known already.
func (l *Log) end(m Mark) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.changes.Add(1)
	if m.Number == 0 {
		m = l.sequence.mark(l.store.end)
		if l.backing != nil && l.backing.reserve() == nil { // without a mark, whoever restores it gives the end another number
			l.backing.mark(m, m.Offset)
		}
	}
	l.closed = true
	l.memory.ended(l.accounted)
	l.endNumber, l.endNano = m.Number, m.UnixNano
	if l.backing != nil {
		l.backing.close()
	}
	close(l.done)
	l.wake()
	l.mu.Unlock()
	l.bell.Ring()
	l.memory.finished(l)
}

// Discard closes the Log and forgets all its bytes, for those who keep a budget
// (Options.Memory) and want the room back. Readers are told what they missed.
func (l *Log) Discard() {
	l.Close()
	l.mu.Lock()
	l.discarded = true
	if !l.writing { // else the writer does it
		l.dropAll()
	}
	freed := l.settle()
	l.mu.Unlock()
	l.memory.account(-freed)
	l.memory.forget(l)
}

// Retire closes the Log and discards it as soon as no Cursor is attached: those
// who are reading get the rest, and nobody else will come.
func (l *Log) Retire() {
	l.Close()
	l.mu.Lock()
	l.retired = true
	unread := len(l.cursors) == 0
	l.mu.Unlock()
	if unread {
		l.Discard()
	}
}

// Done is closed when the Log has been closed.
func (l *Log) Done() <-chan struct{} { return l.done }

// Start is the offset of the oldest byte still kept, in memory or in the
// archive; it equals End when none is.
func (l *Log) Start() int64 {
	l.mu.Lock()
	start := l.store.start()
	l.mu.Unlock()
	if l.archive == nil || l.archive.Start() == l.archive.End() {
		return start
	}
	return min(start, l.archive.Start())
}

// End is the offset behind the newest byte: how many were ever written.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.end
}

// endsAt reports whether nothing will ever come behind offset.
func (l *Log) endsAt(offset int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed && offset >= l.store.end
}

// Read copies what is kept now, at most limit bytes that lie together from
// offset from on. missed is how many bytes between from and the first one
// returned are no longer kept.
func (l *Log) Read(from int64, limit int) (data []byte, missed int64) {
	c := l.at(from)
	defer c.release()
	end := l.End()
	data = make([]byte, 0, min(max(end-c.next, 0), int64(limit)))
	for len(data) < limit {
		chunk, err := c.Poll()
		if err != nil || chunk.Missed > 0 && len(data) > 0 {
			break
		}
		missed += chunk.Missed
		data = append(data, chunk.Data[:min(len(chunk.Data), limit-len(data))]...)
	}
	return data, missed
}

// Wait waits until something is behind offset after. It returns nil then, io.EOF
// when the Log is closed and nothing is, ErrIdle after idle (if that is more
// than 0), or the cause of ctx's end.
func (l *Log) Wait(ctx context.Context, after int64, idle time.Duration) error {
	w := waiter{idle: idle}
	defer w.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.store.end <= after {
		if err := l.wait(ctx, &w); err != nil {
			return err
		}
	}
	return nil
}

// wake releases every waiting reader but those that are served where they wait. l.mu
// must be held.
func (l *Log) wake() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	l.handoffs = slices.DeleteFunc(l.handoffs, func(h *handoff) bool {
		serve := !l.closed && h.hand()
		if !serve {
			close(h.woken)
		}
		return !serve
	})
}
