package manager

import (
	"os"

	"golang.org/x/sys/unix"
)

func newVaultFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("gaffer-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "gaffer-state"), nil
}
