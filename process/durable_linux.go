package process

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/streams"
)

// relay is a pipe through which the bytes of a socket go, because splice(2)
// needs one.
type relay struct{ r, w *os.File }

func (r *relay) close() {
	r.r.Close()
	r.w.Close()
}

// read is one read of what the child has written, into log by way of the
// stream's backing. more says that it took as much as it had room for. If it turns
// out that the stream is lost with this program, it has read nothing.
func (d *durable) read(log *streams.Log, fd int) (n int, more bool, err error) {
	if d.backing == nil {
		if err := readable(fd); err != nil {
			return 0, false, err
		}
		if d.begin(log); d.lost {
			return 0, false, nil
		}
	}
	if d.fd < firstCustomFD {
		return log.Splice(fd)
	}
	return d.relayed(log, fd)
}

// readable reports in the manner of read(2) whether there is anything to read.
// It returns nil if there is, and io.EOF at the end.
func readable(fd int) error {
	polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(polls, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return syscall.EAGAIN
		case polls[0].Revents&unix.POLLIN == 0:
			return io.EOF
		}
		return nil
	}
}

// openRelay makes the pipe through which a socket is read.
func (d *durable) openRelay() error {
	r, w, err := pipe()
	if err != nil {
		return err
	}
	d.relay = &relay{os.NewFile(uintptr(r), "relay"), os.NewFile(uintptr(w), "relay")}
	unix.SetNonblock(r, true) // cannot fail
	if err := d.keep(keptRelayR, d.relay.r); err != nil {
		return err
	}
	return d.keep(keptRelayW, d.relay.w)
}

// relayed is read from a socket.
func (d *durable) relayed(log *streams.Log, fd int) (n int, more bool, err error) {
	relayR, relayW := int(d.relay.r.Fd()), int(d.relay.w.Fd())
	// What is in the relay already was left there by an earlier read, or program.
	if n, more, err := log.Splice(relayR); err != syscall.EAGAIN {
		return n, more, err
	}
	for {
		n, err := unix.Splice(fd, nil, relayW, nil, calmPipe, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		}
		return log.Splice(relayR)
	}
}

// underWay is how much has left a socket and is not in the log yet.
func (d *durable) underWay() int {
	if d.relay == nil {
		return 0
	}
	return buffered(int(d.relay.r.Fd()))
}
