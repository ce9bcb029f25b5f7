package systemd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstFD is the descriptor of the first socket.
const firstFD = 3

// Socket is a listening socket that was opened for this process.
type Socket struct {
	Name string   // FileDescriptorName= of its unit, else the unit's own name; may be empty
	File *os.File // the caller's to close; children do not get it
}

// Sockets takes the sockets that this process was started with, in their order.
// It can be done once: what tells of them is gone from the environment then.
//
// An error tells what is no listening stream socket; then all are closed.
func Sockets() ([]Socket, error) {
	fds, pid, names := take("LISTEN_FDS"), take("LISTEN_PID"), take("LISTEN_FDNAMES")
	take("LISTEN_PIDFDID") // newer than the pid, which says enough
	if fds == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // they are another's, or nobody's
	}
	count, err := strconv.Atoi(fds)
	if err != nil || count < 0 || count > 1<<16 {
		return nil, fmt.Errorf("LISTEN_FDS=%s is not a number of sockets", fds)
	}
	files := make([]*os.File, count)
	for i := range files {
		unix.CloseOnExec(firstFD + i)
		files[i] = os.NewFile(uintptr(firstFD+i), "socket")
	}
	return socketsOf(files, names)
}

// SocketsOf is Sockets for descriptors that came here by another process, with
// what tells of their names left in the environment.
func SocketsOf(files []*os.File) ([]Socket, error) {
	names := take("LISTEN_FDNAMES")
	take("LISTEN_PIDFDID")
	return socketsOf(files, names)
}

func socketsOf(files []*os.File, names string) ([]Socket, error) {
	named := strings.Split(names, ":")
	var sockets []Socket
	var wrong []error
	for i, f := range files {
		s := Socket{File: f}
		if i < len(named) {
			s.Name = named[i]
		}
		if err := isListening(int(f.Fd())); err != nil {
			wrong = append(wrong, fmt.Errorf("descriptor %d from systemd (%s): %w", firstFD+i, cmp.Or(s.Name, "without a name"), err))
		}
		sockets = append(sockets, s)
	}
	if len(wrong) > 0 {
		for _, f := range files {
			f.Close()
		}
		return nil, errors.Join(wrong...)
	}
	return sockets, nil
}

// isListening returns an error unless connections can be accepted from fd.
func isListening(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case err != nil:
		return fmt.Errorf("no socket: %w", err)
	case kind != unix.SOCK_STREAM:
		return errors.New("not a stream socket: the socket unit needs ListenStream=")
	}
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && on == 0 {
		return errors.New("not listening: the socket unit needs Accept=no")
	}
	return nil
}
