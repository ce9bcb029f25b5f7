//go:build 386 || arm

package spawn

import "golang.org/x/sys/unix"

// The calls with the names of the others know only ids of 16 bits here.
const (
	sysSetgid = unix.SYS_SETGID32
	sysSetuid = unix.SYS_SETUID32
)
