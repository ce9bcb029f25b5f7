package manager

import (
	"os"

	"golang.org/x/sys/unix"
)

// vaultWindow is how much of a vault's file is mapped at a time, at least.
const vaultWindow = 64 << 10

// vaultFile is a file in memory. A batch is copied to mapped memory, which outlives
// the program like the rest and spares a system call for each.
type vaultFile struct {
	file   *os.File
	window []byte // the part that is mapped; nil: none
	at     int64  // where that begins
}

func newVaultFile() (*vaultFile, error) {
	fd, err := unix.MemfdCreate("gaffer-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return &vaultFile{file: os.NewFile(uintptr(fd), "gaffer-state")}, nil
}

// put has a batch in the file from offset at on. Who dies meanwhile has put a part of it
// there.
func (f *vaultFile) put(batch []byte, at int64) error {
	within := at >= f.at && at+int64(len(batch)) <= f.at+int64(len(f.window))
	if !within && !f.move(at, int64(len(batch))) {
		_, err := f.file.WriteAt(batch, at)
		return err
	}
	copy(f.window[at-f.at:], batch)
	return nil
}

// move maps the part of the file that begins with the page of offset at, and has room for
// n bytes from there on, and reports whether it could: a signal may interrupt it (before
// Linux 6.11), and there may be too many mappings. There is memory for all of it then,
// without which touching it would be a crash instead of an error.
func (f *vaultFile) move(at, n int64) bool {
	f.unmap()
	page := int64(os.Getpagesize())
	lead := at % page
	size := max((lead+n+page-1)/page*page, vaultWindow)
	if unix.Fallocate(int(f.file.Fd()), 0, at-lead, size) != nil {
		return false
	}
	window, err := unix.Mmap(int(f.file.Fd()), at-lead, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return false
	}
	f.window, f.at = window, at-lead
	return true
}

func (f *vaultFile) unmap() {
	if f.window != nil {
		unix.Munmap(f.window) // cannot fail
		f.window = nil
	}
}

func (f *vaultFile) close() {
	f.unmap()
	f.file.Close()
}
