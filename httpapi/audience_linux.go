package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/streams"
)

// audiences are the readers of server-sent events of one Serve who have been sent
// everything and wait for more. Most readers do that most of the time, and a
// goroutine and net/http's connection for each of them take ten times the memory of
// a seat, and half the CPU of a delivery. So the readers of one stream who are at
// the same place are an audience: one goroutine makes the next events, and writes
// them to all of them without waiting for any. A reader whose socket does not take
// it all gets a goroutine of his own again, until he has caught up.
//
// The connections are hijacked, and still count as the guests that they were.
type audiences struct {
	server *Server
	ctx    context.Context // ends when feeds do
	forget func()
	leave  func(*guest)
	gone   *os.File // an epoll(7) instance that tells of those who hang up
	work   sync.WaitGroup

	mu   sync.Mutex // guards open; taken before any audience's
	open map[audienceKey]*audience

	seating sync.Mutex      // guards what follows, and each seat's cancel; taken last
	seats   map[int32]*seat // by descriptor
}

type audiencesKey struct{}

// audienceKey is what an audience has in common, but for its place.
type audienceKey struct {
	log       *streams.Log
	label     string
	heartbeat time.Duration
}

// emptyTime is how long an audience without anyone may go on.
const emptyTime = 15 * time.Second

// newAudiences returns nil where there can be none. leave is called for each guest
// who was seated, when he is gone. close comes when no handler and no guest is
// left.
func newAudiences(s *Server, requests context.Context, leave func(*guest)) *audiences {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	unix.SetNonblock(fd, true) // cannot fail
	all := &audiences{
		server: s, leave: leave, gone: os.NewFile(uintptr(fd), "epoll"),
		open: map[audienceKey]*audience{}, seats: map[int32]*seat{},
	}
	all.ctx, all.forget = feedContext(requests)
	all.work.Go(all.watch)
	return all
}

func (all *audiences) close() {
	if all == nil {
		return
	}
	all.forget()
	all.gone.Close()
	all.work.Wait()
}

// dropAll drops everybody, as http.Server.Close does with those that it has.
func (all *audiences) dropAll() {
	if all == nil {
		return
	}
	all.seating.Lock()
	seats := slices.Collect(maps.Values(all.seats))
	all.seating.Unlock()
	for _, s := range seats {
		s.drop()
	}
}

// watch drops those who hang up, until close.
func (all *audiences) watch() {
	conn, err := all.gone.SyscallConn()
	if err != nil {
		return
	}
	var events [64]unix.EpollEvent
	conn.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events[:], 0)
			if n <= 0 && err != unix.EINTR {
				return false
			}
			for _, e := range events[:max(n, 0)] {
				all.seating.Lock()
				s := all.seats[e.Fd]
				all.seating.Unlock()
				if s != nil && s.hungUp() { // else it was about whoever had the descriptor before
					s.drop()
				}
			}
		}
	})
}

// audience is one of the audiences. Its goroutine, which ends when it is empty, has
// the seats and from.
type audience struct {
	all   *audiences
	key   audienceKey
	from  *events
	seats []*seat
	once  nowaitWriter

	mu     sync.Mutex // guards everything below
	offset int64      // the place of all who are there, and of those who come
	open   bool       // likewise
	coming []*seat
}

// sit makes s one of the audience at from's place, if that is where it is. takeOver
// is called then, and may say no; nil is always a yes.
func (all *audiences) sit(s *seat, from *events, takeOver func() bool) bool {
	a := all.audience(s, from)
	if a == nil {
		return false
	}
	defer a.mu.Unlock()
	if offset, open := from.place(); a.offset != offset || a.open != open || takeOver != nil && !takeOver() {
		return false
	}
	s.conn.SetWriteDeadline(time.Time{})
	all.seating.Lock()
	s.cancel = nil
	all.seating.Unlock()
	a.coming = append(a.coming, s)
	return true
}

// audience is the one for s, which begins at from's place if it is new; nil if there is
// none any more. Its mutex is held, so that it does not end before s is there.
func (all *audiences) audience(s *seat, from *events) *audience {
	all.mu.Lock()
	defer all.mu.Unlock()
	a := all.open[s.key]
	if a == nil && all.ctx.Err() == nil {
		a = &audience{all: all, key: s.key, from: from.clone()}
		a.offset, a.open = from.place()
		all.open[s.key] = a
		all.work.Go(a.run)
	}
	if a != nil {
		a.mu.Lock()
	}
	return a
}

func (a *audience) run() {
	defer a.from.close()
	var out []byte
	more := true // is at hand: perhaps, to begin with
	beat := time.Now().Add(a.key.heartbeat)
	for {
		err := context.Cause(a.all.ctx)
		if err == nil && !more {
			until := time.Now().Add(emptyTime)
			if a.key.heartbeat > 0 && beat.Before(until) {
				until = beat
			}
			err = a.from.wait(a.all.ctx, until)
		}
		out = out[:0]
		switch {
		case err == nil:
			err = a.from.chunks(func(e sseEvent) bool {
				out = appendChunk(out, e)
				return len(out) < batch
			})
			more = err == nil
		case errors.Is(err, streams.ErrIdle) && a.key.heartbeat > 0 && !time.Now().Before(beat):
			out = appendChunk(out, sseBeat)
		}
		if len(out) > 0 {
			beat = time.Now().Add(a.key.heartbeat)
		}
		a.welcome()
		a.say(out, false)
		if err != nil && !errors.Is(err, streams.ErrIdle) {
			a.end(err)
			return
		}
		if cap(out) > 2*batch { // for a very long line
			out = nil
		}
		if len(a.seats) == 0 && a.close() {
			return
		}
	}
}

// welcome takes in those who came before what is to be said now, and forgets those
// who are gone.
func (a *audience) welcome() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seats = append(slices.DeleteFunc(a.seats, func(s *seat) bool { return s.dropped.Load() }), a.coming...)
	a.coming = nil
	a.offset, a.open = a.from.place()
}

// say writes p to all. Whoever is not ready for it has to stand, or is dropped if these
// are the last words.
func (a *audience) say(p []byte, last bool) {
	if len(p) == 0 {
		return
	}
	here := a.seats[:0]
	for _, s := range a.seats {
		n, err := a.once.write(s.raw, p)
		switch {
		case n == len(p):
			here = append(here, s)
		case err != nil || last || s.dropped.Load():
			s.drop()
		default:
			rest := bytes.Clone(p[n:])
			from := a.from.clone() // before the audience reads on, and the stream with it
			a.all.work.Go(func() { s.stand(rest, from) })
		}
	}
	clear(a.seats[len(here):])
	a.seats = here
}

// close ends an audience that is empty, and reports whether it is.
func (a *audience) close() bool {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.coming) > 0 {
		return false
	}
	delete(a.all.open, a.key)
	return true
}

// end sends everybody away: the stream has ended, or feeds have to.
func (a *audience) end(err error) {
	for !a.close() {
		a.welcome()
	}
	switch {
	case errors.Is(err, io.EOF):
		a.say([]byte(lastChunk), true)
	case replaced(a.all.ctx):
		a.say(appendChunk(nil, retryNow), true)
	}
	for _, s := range a.seats {
		s.drop()
	}
}
