package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readBuffer is read into over and over: what was read is counted, not kept.
const readBuffer = 256 << 10

// subscribe opens connections to one side, lets its child go, and reads with
// one thread and one buffer, so that reading takes as little as possible from
// what is measured.
func subscribe(args []string) error {
	flags := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	addr := flags.String("addr", "", "where to connect to")
	path := flags.String("get", "", "what to GET (nothing: bytes come without being asked for)")
	count := flags.Int("k", 1, "how many connections")
	want := flags.Int64("want", 0, "bytes of payload that are due on each")
	gate := flags.String("gate", "", "the fifo at which the child waits")
	pid := flags.Int("pid", 0, "whose CPU time to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := dialAll(*addr, *path, *count)
	if err != nil {
		return err
	}
	if err := s.awaitHeaders(); err != nil {
		return err
	}
	opened, err := os.OpenFile(*gate, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	cpu, err := cpuTime(*pid)
	if err != nil {
		return err
	}
	began := time.Now()
	opened.Close()
	return s.readAll(*want, func() (r reading, err error) {
		r.Seconds = time.Since(began).Seconds()
		now, err := cpuTime(*pid)
		r.CPU = (now - cpu).Seconds()
		return r, err
	})
}

// sockets are the connections that are still open.
type sockets struct {
	epoll  int
	open   map[int]*body // by descriptor
	buffer []byte
	events []unix.EpollEvent
	sum    reading // of those that have ended
}

func dialAll(addr, path string, count int) (*sockets, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s := &sockets{epoll: epoll, open: make(map[int]*body), buffer: make([]byte, readBuffer), events: make([]unix.EpollEvent, 128)}
	for range count {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, os.NewSyscallError("socket", err)
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
			return nil, os.NewSyscallError("connect", err)
		}
		b := new(body)
		if path != "" {
			b.part = header
			if _, err := unix.Write(fd, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr)); err != nil {
				return nil, os.NewSyscallError("write", err)
			}
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
		s.open[fd] = b
	}
	return s, nil
}

// awaitHeaders returns when every request is being answered.
func (s *sockets) awaitHeaders() error {
	for {
		waiting := 0
		for _, b := range s.open {
			if b.part != plain && !b.header {
				waiting++
			}
		}
		if waiting == 0 {
			return nil
		}
		if err := s.step(); err != nil {
			return err
		}
	}
}

// readAll reads until every connection has ended, and calls finish when all of
// the payload has come, or else at the end.
func (s *sockets) readAll(want int64, finish func() (reading, error)) error {
	due := want * int64(len(s.open))
	finished := false
	for len(s.open) > 0 {
		if err := s.step(); err != nil {
			return err
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

// step reads once from every connection that has something.
func (s *sockets) step() error {
	n, err := unix.EpollWait(s.epoll, s.events, -1)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, event := range s.events[:n] {
		if err := s.read(int(event.Fd)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sockets) read(fd int) error {
	b := s.open[fd]
	n, err := unix.Read(fd, s.buffer)
	if err == unix.EINTR {
		return nil
	}
	if n > 0 {
		payload, err := b.take(s.buffer[:n])
		s.sum.Payload += payload
		if err != nil {
			return err
		}
		if b.part != done {
			return nil
		}
	}
	// The end: the peer's, or that of the response.
	if n < 0 || !b.end() {
		s.sum.Broken++
	}
	delete(s.open, fd)
	unix.Close(fd)
	return nil
}
