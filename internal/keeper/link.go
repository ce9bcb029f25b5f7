//go:build linux

package keeper

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sendTime is how long the other side may take no message before it is given up.
const sendTime = 5 * time.Second

// link is one end of the socket between keeper and worker. Any number of
// goroutines may send, one may receive.
//
// What the runtime polls it polls for room as well, and a socket has more of it each
// time the other side takes a message: each message would wake up both sides. So the
// runtime has an epoll(7) instance instead, which tells of messages alone.
type link struct {
	fd       int      // the socket
	messages *os.File // the epoll instance
	arrived  syscall.RawConn

	// The receiver's: its buffers, and what the last call has brought.
	in, oob  []byte
	n, oobn  int
	flags    int
	received error
	taking   func(uintptr) bool // the method value of take, made once

	sending sync.Mutex // guards what follows
	closed  bool
	out     []byte
}

// newLink takes over fd, one end of a socket pair.
func newLink(fd int) (*link, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_create", err)
	}
	unix.SetNonblock(poll, true) // cannot fail, and makes NewFile have it polled
	l := &link{messages: os.NewFile(uintptr(poll), "messages"), fd: fd}
	l.taking = l.take
	err = unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN})
	if err == nil {
		l.arrived, err = l.messages.SyscallConn()
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("wait for messages: %w", err)
	}
	return l, nil
}

// close ends the link, and whoever receives.
func (l *link) close() {
	l.messages.Close() // returns when nobody is in take any more
	l.sending.Lock()
	defer l.sending.Unlock()
	if !l.closed {
		l.closed = true
		unix.Close(l.fd)
	}
}

// socketPair makes both ends: datagrams that keep their order, and an end of
// file when the other side is gone.
func socketPair() (ours, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	return fds[0], fds[1], nil
}

// send sends m. It waits for up to sendTime while there is no room for it, and returns
// os.ErrDeadlineExceeded when there is none by then: EAGAIN means something else to those
// who start programs.
func (l *link) send(m message) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if l.closed {
		return os.ErrClosed
	}
	if len(m.data) > maxData || len(m.files) > maxFiles {
		return fmt.Errorf("message %d with %d bytes and %d files is too large", m.kind, len(m.data), len(m.files))
	}
	l.out = m.append(l.out[:0])
	var rights []byte
	if len(m.files) > 0 {
		rights = unix.UnixRights(m.files...)
	}
	var deadline time.Time
	for {
		_, err := unix.SendmsgN(l.fd, l.out, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
			continue
		case err != unix.EAGAIN && err != unix.ETOOMANYREFS:
			return os.NewSyscallError("sendmsg", err)
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(sendTime)
		}
		left := deadline.Sub(now)
		switch {
		case left <= 0 && err == unix.EAGAIN:
			return fmt.Errorf("the other side has taken no message for %v: %w", sendTime, os.ErrDeadlineExceeded)
		case left <= 0:
			return os.NewSyscallError("sendmsg", err)
		case err == unix.EAGAIN:
			room := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLOUT}}
			unix.Poll(room, int(left/time.Millisecond)+1) // its failure shows in the next try
		default:
			// Descriptors under way count against the user's limit until they are
			// received, which nothing tells of.
			time.Sleep(time.Millisecond)
		}
	}
}

// receive waits for the next message. Its data is valid until the next call.
func (l *link) receive() (message, error) {
	if l.in == nil {
		l.in = make([]byte, headerSize+maxData)
		l.oob = make([]byte, unix.CmsgSpace(4*maxFiles))
	}
	if err := l.arrived.Read(l.taking); err != nil {
		return message{}, err
	}
	switch {
	case l.received != nil:
		return message{}, os.NewSyscallError("recvmsg", l.received)
	case l.n == 0:
		return message{}, io.EOF
	}
	return parse(l.in[:l.n], l.oob[:l.oobn], l.flags)
}

// take receives, and reports false when nothing is there.
func (l *link) take(uintptr) bool {
	for {
		l.n, l.oobn, l.flags, _, l.received = unix.Recvmsg(l.fd, l.in, l.oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if l.received != unix.EINTR {
			return l.received != unix.EAGAIN
		}
	}
}
