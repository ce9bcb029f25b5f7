//go:build !386 && !arm

package spawn

import "golang.org/x/sys/unix"

const (
	sysSetgid = unix.SYS_SETGID
	sysSetuid = unix.SYS_SETUID
)
