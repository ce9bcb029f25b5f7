package streams

import (
	"io"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxMappings is how many parts of files this program maps at most, of the
// 65,530 that the kernel allows and the runtime needs too. Streams beyond it are
// copied to the heap.
const maxMappings = 24_000

// mappings counts them.
var mappings atomic.Int32

// NewBacking makes an empty one. The name is seen in /proc/<pid>/fd.
func NewBacking(name string) (*Backing, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	if err := unix.Ftruncate(fd, fileSize); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("ftruncate", err)
	}
	return &Backing{file: os.NewFile(uintptr(fd), name), next: filePage}, nil
}

// mapped returns a part of the file as memory, nil if there can be no more of
// that.
func (b *Backing) mapped(at int64, size int) []byte {
	if mappings.Add(1) <= maxMappings {
		lead := at % filePage // mappings begin at a page
		m, err := unix.MmapPtr(int(b.file.Fd()), at-lead, nil, uintptr(lead)+uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err == nil {
			return unsafe.Slice((*byte)(unsafe.Add(m, lead)), size)
		}
	}
	mappings.Add(-1)
	return nil
}

// unmap gives back what mapped returned.
func unmap(m []byte) {
	begin := unsafe.Pointer(unsafe.SliceData(m))
	lead := uintptr(begin) % filePage
	unix.MunmapPtr(unsafe.Add(begin, -int(lead)), lead+uintptr(len(m))) // fails only for what was not mapped
	mappings.Add(-1)
}

// allocate has the kernel find memory, from one page to another.
func (b *Backing) allocate(from, to int64) error {
	for {
		if err := unix.Fallocate(int(b.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, from, to-from); err != unix.EINTR {
			return err
		}
	}
}

// punch gives memory back, from one page to another.
func (b *Backing) punch(from, to int64) {
	conn, err := b.file.SyscallConn()
	if err != nil || from >= to {
		return
	}
	conn.Control(func(fd uintptr) { // fails when the file is closed, which gives back all
		unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	})
}

// splice moves at most n bytes from a pipe to the file's position. It returns
// what read(2) would, but io.EOF at the end.
func (b *Backing) splice(pipe, n int) (int, error) {
	for {
		moved, err := unix.Splice(pipe, nil, int(b.file.Fd()), nil, n, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case moved == 0:
			return 0, io.EOF
		}
		return int(moved), nil
	}
}

// waiting is how many bytes a pipe holds. If it is none, err is what read(2)
// would return, but io.EOF at the end.
func waiting(pipe int) (n int, err error) {
	for {
		n, err := unix.IoctlGetInt(pipe, unix.TIOCINQ) // also called FIONREAD
		if n > 0 || err != nil {
			return n, err
		}
		polls := []unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}}
		switch ready, err := unix.Poll(polls, 0); {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case ready == 0:
			return 0, unix.EAGAIN
		case polls[0].Revents&unix.POLLIN == 0:
			return 0, io.EOF
		}
	}
}
