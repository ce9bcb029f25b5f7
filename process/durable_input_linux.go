package process

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// inputPunch is how much of what was written is kept at least, and half of what
// is kept at most. A pipe holds less: its pages must not change under it.
const inputPunch = 1 << 20

var pageSize = int64(os.Getpagesize())

// maxCopied is how large a message may be for which a page is mapped. Too few larger
// ones fit on it for that to be worth it.
const maxCopied = 512

// inputFile is a file through which input goes to a child, at the offsets that it has
// there. Its position is what the pipe has accepted: sendfile(2) moves and counts in one
// step, so that a later program knows of each byte whether it was written.
//
// Most messages are small. So the page that was begun last is mapped once there is
// more to come on it, and that is copied there, which spares a system call for each.
type inputFile struct {
	file *os.File
	page int64  // where that page begins
	data []byte // the page, once it is mapped
}

func newInputFile(label string) (*inputFile, error) {
	fd, err := unix.MemfdCreate("gaffer-"+label, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return &inputFile{file: os.NewFile(uintptr(fd), label)}, nil
}

// put has p in the file from offset on, of which nothing was accepted yet.
func (f *inputFile) put(p []byte, offset int64) error {
	page, end := offset&^(pageSize-1), offset+int64(len(p))
	more := page == f.page && offset > page && end <= page+pageSize
	if more && (f.data != nil || len(p) <= maxCopied && f.mapped()) {
		copy(f.data[offset-page:], p)
		return nil
	}
	f.unmap()
	if _, err := f.file.WriteAt(p, offset); err != nil {
		return err
	}
	f.page = end &^ (pageSize - 1)
	return nil
}

// mapped maps the page and reports whether it could. There is memory for it, since
// something before was written there.
func (f *inputFile) mapped() bool {
	if f.file.Truncate(f.page+pageSize) != nil { // else sendfile(2) would end before it
		return false
	}
	data, err := unix.Mmap(int(f.file.Fd()), f.page, int(pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return false
	}
	f.data = data
	return true
}

func (f *inputFile) unmap() {
	if f.data != nil {
		unix.Munmap(f.data) // cannot fail
		f.data = nil
	}
}

// send is a write(2) to fd of the n bytes behind those that were accepted.
func (f *inputFile) send(fd, n int) (int, error) {
	sent, err := unix.Sendfile(fd, int(f.file.Fd()), nil, n)
	if sent == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	return sent, err
}

// accepted is how much the pipe has accepted so far, in this program and earlier ones.
func (f *inputFile) accepted() int64 {
	offset, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return offset
}

// forget gives back what was accepted a whole piece before a write from offset to end:
// it has left the pipe, which holds less.
func (f *inputFile) forget(offset, end int64) {
	if before, now := offset/inputPunch, end/inputPunch; now > max(before, 1) {
		begin := (max(before, 1) - 1) * inputPunch
		unix.Fallocate(int(f.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, begin, (now-1)*inputPunch-begin)
	}
}

func (f *inputFile) close() {
	f.unmap()
	f.file.Close()
}
