package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// The sizes of a pipe while it floods and otherwise.
const (
	floodPipe = 256 << 10
	calmPipe  = 64 << 10
)

// outputPipe returns both ends of a pipe that the child writes to. Our end is
// polled by the runtime; the child's blocks, as programs expect.
func outputPipe() (theirs, ours *os.File, err error) {
	r, w, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	return polled(w, r, "output")
}

// inputPipe returns both ends of a pipe that the child reads from.
func inputPipe() (theirs, ours *os.File, err error) {
	r, w, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	return polled(r, w, "input")
}

// socketPair returns both ends of a two-way stream.
func socketPair() (theirs, ours *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return polled(fds[0], fds[1], "stream")
}

func pipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, os.NewSyscallError("pipe", err)
	}
	return fds[0], fds[1], nil
}

func polled(theirs, ours int, name string) (*os.File, *os.File, error) {
	if err := unix.SetNonblock(ours, true); err != nil {
		unix.Close(theirs)
		unix.Close(ours)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(theirs), name), os.NewFile(uintptr(ours), name), nil
}

// setPipeSize fails where the user's limit is reached, and when the pipe holds more.
func setPipeSize(fd, size int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size)
	return err
}

// buffered is how many bytes can be read now.
func buffered(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ) // also called FIONREAD
	if err != nil {
		return 0
	}
	return n
}

// shutdownWrite ends our direction of a socket pair; the other goes on.
func shutdownWrite(f *os.File) error {
	return control(f, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// control runs do on f's descriptor, which stays open and non-blocking.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := conn.Control(func(fd uintptr) { err = do(int(fd)) }); controlErr != nil {
		return controlErr
	}
	return err
}
