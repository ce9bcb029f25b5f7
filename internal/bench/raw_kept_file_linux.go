package main

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keptFile is a file in memory through which bytes go that are to outlive this program: who
// else has the file would know by its position what has come through, or left.
type keptFile struct {
	fd     int
	mapped []byte // the whole of it
	at     int    // how much of that is used
}

const keptFileSize = 1 << 20

// newKeptFile makes one that is empty.
func newKeptFile() (*keptFile, error) {
	fd, err := unix.MemfdCreate("kept", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	if err := unix.Ftruncate(fd, keptFileSize); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("ftruncate", err)
	}
	mapped, err := unix.Mmap(fd, 0, keptFileSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("mmap", err)
	}
	return &keptFile{fd: fd, mapped: mapped}, nil
}

func (k *keptFile) close() {
	unix.Munmap(k.mapped)
	unix.Close(k.fd)
}

// put copies p into the file. When that is full it begins again.
func (k *keptFile) put(p []byte) {
	if k.at+len(p) > len(k.mapped) {
		k.at = 0
		unix.Seek(k.fd, 0, io.SeekStart)
	}
	k.at += copy(k.mapped[k.at:], p)
}

// give puts p into the file, and what is in the file into a pipe.
func (k *keptFile) give(pipe syscall.Conn, p []byte) error {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	k.put(p)
	left := len(p)
	waitErr := conn.Write(func(fd uintptr) bool {
		for left > 0 {
			var n int
			n, err = unix.Sendfile(int(fd), k.fd, nil, left)
			switch {
			case err != nil:
				return err != unix.EAGAIN
			case n == 0:
				err = io.ErrUnexpectedEOF // p was larger than the file
				return true
			}
			left -= n
		}
		return true
	})
	return errors.Join(err, waitErr)
}

// take moves what is in a pipe into the file, when there is something. It returns what
// came, in the file's own memory, until take is called again.
func (k *keptFile) take(pipe syscall.Conn) (p []byte, err error) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return nil, err
	}
	if k.at == len(k.mapped) {
		k.at = 0
		unix.Seek(k.fd, 0, io.SeekStart)
	}
	var n int64
	waitErr := conn.Read(func(fd uintptr) bool {
		n, err = unix.Splice(int(fd), nil, k.fd, nil, len(k.mapped)-k.at, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		return err != unix.EAGAIN
	})
	switch {
	case err != nil || waitErr != nil:
		return nil, errors.Join(err, waitErr)
	case n <= 0:
		return nil, io.EOF
	}
	p = k.mapped[k.at:][:n]
	k.at += int(n)
	return p, nil
}

// rawEchoKept is rawEcho, with a kept file in each direction.
func rawEchoKept([]string) error {
	return bridge(func(stdin io.Writer, stdout io.Reader) (pump, error) {
		in, err := newKeptFile()
		if err != nil {
			return pump{}, err
		}
		out, err := newKeptFile()
		if err != nil {
			in.close()
			return pump{}, err
		}
		return pump{
			give: func(p []byte) error { return in.give(stdin.(syscall.Conn), p) },
			take: func() ([]byte, error) { return out.take(stdout.(syscall.Conn)) },
			close: func() {
				in.close()
				out.close()
			},
		}, nil
	})
}
