package httpapi

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/streams"
)

// seat is a reader whose connection is not net/http's any more.
type seat struct {
	all     *audiences
	key     audienceKey // of those that he may join; zero: he stays on his own
	done    func()      // says that the request lasts no more
	conn    net.Conn
	raw     syscall.RawConn
	fd      int32
	guest   *guest
	stay    func() bool // ends the wait for the end of his token; nil: he has not taken over. Guarded by all.seating.
	dropped atomic.Bool
	cancel  context.CancelFunc // ends the goroutine that he has; nil: none. Guarded by all.seating.
}

// audiencesFor is where the connection of a request can go when its feed waits; nil
// if it has to stay net/http's. d is how its body is written.
func audiencesFor(r *http.Request, d *direct) *audiences {
	if d == nil {
		return nil
	}
	all, _ := r.Context().Value(audiencesKey{}).(*audiences)
	return all
}

// announceClose has the header of a feed say that its connection may end with it. A
// client that does not know may send its next request into that end.
func announceClose(w http.ResponseWriter, r *http.Request, d *direct, log *streams.Log) {
	if audiencesFor(r, d) == nil {
		return
	}
	select {
	case <-log.Done(): // nothing to wait for
	default:
		w.Header().Set("Connection", "close")
	}
}

// sitter is how the reader of a request joins an audience; nil if he never can.
func sitter(w http.ResponseWriter, r *http.Request, d *direct, req *reading, heartbeat time.Duration) func(from *events) bool {
	all := audiencesFor(r, d)
	if all == nil {
		return nil
	}
	key := audienceKey{req.log, req.label, heartbeat}
	return func(from *events) bool {
		if from.place == nil {
			return false
		}
		s := &seat{all: all, key: key, done: req.done, conn: d.conn, guest: guestOf(r)}
		seated := all.sit(s, from, func() bool { return s.takeOver(w, r) })
		if seated {
			req.done = func() {}
		}
		return seated
	}
}

// takeOver makes the connection the seat's.
func (s *seat) takeOver(w http.ResponseWriter, r *http.Request) bool {
	if s.raw = rawConn(s.conn); s.raw == nil {
		return false
	}
	s.raw.Control(func(fd uintptr) { s.fd = int32(fd) })
	if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
		return false
	}
	s.guest.seated = true
	s.all.seating.Lock()
	s.all.seats[s.fd] = s
	s.stay = visitorOf(r).onEnd(func(error) { s.drop() })
	s.all.seating.Unlock()
	epoll, err := s.all.gone.SyscallConn()
	if err == nil {
		epoll.Control(func(epoll uintptr) { // without it, a write will tell
			unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: s.fd})
		})
	}
	return true
}

// maxSaid is how much a reader may send at once. Nobody listens to him.
const maxSaid = 64 << 10

// hungUp reports whether nothing will ever come from the client. What has come is
// read away, for it would turn the connection's end into an error for him.
func (s *seat) hungUp() (gone bool) {
	err := s.raw.Control(func(fd uintptr) {
		var b [4096]byte
		for said := 0; said < maxSaid; {
			n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT)
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return
			case err != nil || n == 0:
				gone = true
				return
			}
			said += max(n, 0)
		}
		gone = true
	})
	return gone && err == nil
}

// drop ends the connection, and all that it took.
func (s *seat) drop() {
	if s.dropped.Swap(true) {
		return
	}
	s.all.seating.Lock()
	delete(s.all.seats, s.fd)
	cancel, stay := s.cancel, s.stay
	s.all.seating.Unlock()
	s.conn.Close()
	if cancel != nil {
		cancel()
	}
	if stay != nil {
		stay()
	}
	s.done()
	s.all.leave(s.guest)
}

// stand sends rest, and what comes from from, until the reader has caught up and is
// seated again, or until the end.
func (s *seat) stand(rest []byte, from *events) {
	defer from.close()
	s.alone(func(f *feedWriter, ctx context.Context) (seated bool) {
		f.sse = true
		f.sit = func(from *events) bool { return s.all.sit(s, from, nil) }
		f.extend()
		if _, err := s.conn.Write(rest); err != nil {
			panic(http.ErrAbortHandler)
		}
		return s.all.server.sendEvents(f, ctx, from, s.key.heartbeat)
	})
}

// alone has the reader served in this goroutine, until he is seated or gone. It calls
// serve, which may have something to give back, in any case.
func (s *seat) alone(serve func(f *feedWriter, ctx context.Context) (seated bool)) {
	ctx, cancel := context.WithCancel(s.all.ctx)
	defer cancel()
	s.all.seating.Lock()
	s.cancel = cancel
	s.all.seating.Unlock()
	if s.dropped.Load() {
		cancel()
	}
	server := s.all.server
	seated := false
	defer func() {
		if failure := recover(); failure != nil && failure != http.ErrAbortHandler {
			server.log.Error("feed failed", "failure", failure, "stack", string(debug.Stack()))
		}
		if !seated {
			s.drop()
		}
	}()
	f := &feedWriter{to: s.conn, stall: server.stallTimeout, direct: &direct{answer: new(answer), conn: s.conn, raw: s.raw}}
	if seated = serve(f, ctx); !seated {
		_, _ = io.WriteString(s.conn, lastChunk) // that it is missing says that this is not the end
	}
}

// walkOut takes the connection of a feed that waits from net/http, which keeps more
// for it than the feed itself needs, and has serve go on in a goroutine of its own.
// It reports false where that cannot be.
func walkOut(w http.ResponseWriter, r *http.Request, d *direct, req *reading, serve func(f *feedWriter, ctx context.Context)) bool {
	all := audiencesFor(r, d)
	if all == nil || all.ctx.Err() != nil {
		return false
	}
	s := &seat{all: all, done: req.done, conn: d.conn, guest: guestOf(r)}
	if !s.takeOver(w, r) {
		return false
	}
	req.done = func() {}
	all.work.Go(func() {
		s.alone(func(f *feedWriter, ctx context.Context) (seated bool) {
			serve(f, ctx)
			return false
		})
	})
	return true
}
