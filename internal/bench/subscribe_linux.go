package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readBuffer is read into over and over: what was read is counted, not kept.
const readBuffer = 256 << 10

// silence is how long nothing may come before what is due is given up for lost.
const silence = 10 * time.Second

// subscribe opens connections to one side, lets its child go, and reads with
// one thread and one buffer, so that reading takes as little as possible from
// what is measured.
func subscribe(args []string) error {
	flags := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	addr := flags.String("addr", "", "where to connect to")
	path := flags.String("get", "", "what to GET (nothing: bytes come without being asked for)")
	form := flags.String("form", formBytes, "what comes: the bytes themselves, lines among other text, or a websocket's frames")
	line := flags.Int64("line", 0, "bytes of each line")
	count := flags.Int("k", 1, "how many connections")
	want := flags.Int64("want", 0, "bytes of payload that are due on each")
	gate := flags.String("gate", "", "the fifo at which the child waits")
	var of group
	flags.Var(&of, "pids", "whose CPU time to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := dialAll(*addr, request(*addr, *path, *form), *count, func() counter {
		switch {
		case *form == formLines:
			return &lines{line: *line, want: *want}
		case *form == formFrames:
			return &frames{want: *want}
		case *path == "":
			return new(body)
		}
		return &body{part: header}
	})
	if err != nil {
		return err
	}
	if err := s.awaitHeaders(); err != nil {
		return err
	}
	cpu, err := of.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := openGate(context.Background(), *gate); err != nil {
		return err
	}
	return s.readAll(*want, func() (r reading, err error) {
		r.Seconds = s.last.Sub(began).Seconds()
		now, err := of.cpu()
		r.CPU = (now - cpu).Seconds()
		return r, err
	})
}

// dial opens a connection to which the request has been sent.
func dial(addr, request string) (fd int, err error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return -1, err
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		return -1, os.NewSyscallError("connect", err)
	}
	if _, err := unix.Write(fd, []byte(request)); request != "" && err != nil {
		return -1, os.NewSyscallError("write", err)
	}
	return fd, nil
}

// sockets are the connections that are still open.
type sockets struct {
	epoll  int
	open   map[int]counter // by descriptor
	buffer []byte
	events []unix.EpollEvent
	last   time.Time // when payload came
	sum    reading   // of those that have ended
}

func dialAll(addr, request string, count int, of func() counter) (*sockets, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s := &sockets{epoll: epoll, open: make(map[int]counter), buffer: make([]byte, readBuffer), events: make([]unix.EpollEvent, 128)}
	for range count {
		fd, err := dial(addr, request)
		if err != nil {
			return nil, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
		s.open[fd] = of()
	}
	return s, nil
}

// awaitHeaders returns when every request is being answered.
func (s *sockets) awaitHeaders() error {
	for _, c := range s.open {
		for !c.started() {
			count := len(s.open)
			switch more, err := s.step(); {
			case err != nil:
				return err
			case !more:
				return fmt.Errorf("no answer within %v", silence)
			case len(s.open) < count:
				return errors.New("a connection was closed before its answer")
			}
		}
	}
	return nil
}

// readAll reads until every connection has ended, and calls finish when all of
// the payload has come, or else at the end.
func (s *sockets) readAll(want int64, finish func() (reading, error)) error {
	due := want * int64(len(s.open))
	finished := false
	for len(s.open) > 0 {
		more, err := s.step()
		if err != nil {
			return err
		}
		if !more {
			s.sum.Broken += len(s.open)
			clear(s.open)
		}
		if finished || s.sum.Payload < due && len(s.open) > 0 {
			continue
		}
		finished = true
		r, err := finish()
		if err != nil {
			return err
		}
		s.sum.Seconds, s.sum.CPU = r.Seconds, r.CPU
	}
	return say(s.sum)
}

// step reads once from every connection that has something. It reports false
// when nothing has come for a long time.
func (s *sockets) step() (more bool, err error) {
	n, err := unix.EpollWait(s.epoll, s.events, int(silence.Milliseconds()))
	if err == unix.EINTR {
		return true, nil
	}
	if err != nil {
		return false, os.NewSyscallError("epoll_wait", err)
	}
	before := s.sum.Payload
	for _, event := range s.events[:n] {
		if err := s.read(int(event.Fd)); err != nil {
			return false, err
		}
	}
	if s.sum.Payload > before {
		s.last = time.Now()
	}
	return n > 0, nil
}

func (s *sockets) read(fd int) error {
	c := s.open[fd]
	n, err := unix.Read(fd, s.buffer)
	if err == unix.EINTR {
		return nil
	}
	if n > 0 {
		payload, err := c.take(s.buffer[:n])
		s.sum.Payload += payload
		if err != nil {
			return err
		}
		if !c.ended() {
			return nil
		}
	}
	// The end: the peer's, or that of what was due.
	if n < 0 || !c.mayEnd() {
		s.sum.Broken++
	}
	delete(s.open, fd)
	unix.Close(fd)
	return nil
}
