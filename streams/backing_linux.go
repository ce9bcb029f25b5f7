package streams

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// NewBacking makes an empty one. The name is seen in /proc/<pid>/fd.
func NewBacking(name string) (*Backing, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return &Backing{file: os.NewFile(uintptr(fd), name)}, nil
}

// Fill moves bytes from a pipe behind those that there are, and copies them to
// p, for Log.Fill: at most as many as p has room for. It returns what read(2)
// would, but io.EOF at the end.
func (b *Backing) Fill(pipe int, p []byte) (n int, err error) {
	for {
		moved, err := unix.Splice(pipe, nil, int(b.file.Fd()), nil, len(p), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case moved == 0:
			return 0, io.EOF
		}
		n = int(moved)
		break
	}
	at := b.end
	b.end += int64(n)
	_, err = b.file.ReadAt(p[:n], at)
	return n, err
}

// punch gives memory back, from one page to another.
func (b *Backing) punch(from, to int64) {
	if from < to {
		unix.Fallocate(int(b.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	}
}
