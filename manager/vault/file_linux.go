package vault

import (
	"os"

	"golang.org/x/sys/unix"
)

// windowSize is how much of a file is mapped at a time, at least.
const windowSize = 64 << 10

// file is a file in memory. Batches are copied to mapped pages of it, which outlive
// the program like the rest of it. That spares a system call for each.
type file struct {
	*os.File
	window []byte // the part that is mapped; nil: none
	at     int64  // where the window begins
}

func newFile() (*file, error) {
	fd, err := unix.MemfdCreate("gaffer-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return &file{File: os.NewFile(uintptr(fd), "gaffer-state")}, nil
}

// put writes data at an offset. If the program dies meanwhile, a part of it is
// there.
func (f *file) put(data []byte, at int64) error {
	within := at >= f.at && at+int64(len(data)) <= f.at+int64(len(f.window))
	if !within && !f.move(at, int64(len(data))) {
		_, err := f.WriteAt(data, at)
		return err
	}
	copy(f.window[at-f.at:], data)
	return nil
}

// move maps the part of the file that begins with the page of offset at, and has
// room for n bytes from there on. Before, it has memory set aside for all of it:
// to touch a page for which there is none would be a crash instead of an error.
//
// It reports whether it could. A signal may interrupt it (before Linux 6.11), and
// there may be too many mappings.
func (f *file) move(at, n int64) bool {
	f.unmap()
	page := int64(os.Getpagesize())
	lead := at % page
	size := max((lead+n+page-1)/page*page, windowSize)
	if unix.Fallocate(int(f.Fd()), 0, at-lead, size) != nil {
		return false
	}
	window, err := unix.Mmap(int(f.Fd()), at-lead, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return false
	}
	f.window, f.at = window, at-lead
	return true
}

func (f *file) unmap() {
	if f.window != nil {
		unix.Munmap(f.window) // cannot fail
		f.window = nil
	}
}

func (f *file) close() {
	f.unmap()
	f.Close()
}
