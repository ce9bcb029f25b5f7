package cmdline

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// untilUnread waits until nobody reads f, and reports whether that is so: it may
// also be that wake has come to its end.
func untilUnread(f, wake *os.File) (unread bool) {
	conn, err := f.SyscallConn() // Fd would have f block
	if err != nil {
		return false
	}
	err = conn.Control(func(fd uintptr) {
		var fs unix.Statfs_t
		if unix.Fstatfs(int(fd), &fs) != nil || fs.Type != unix.PIPEFS_MAGIC && fs.Type != unix.SOCKFS_MAGIC {
			return // it has a name, by which another reader may come
		}
		fds := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		for {
			_, err := unix.Poll(fds, -1)
			if !errors.Is(err, unix.EINTR) {
				unread = err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
				return
			}
		}
	})
	return unread && err == nil
}
