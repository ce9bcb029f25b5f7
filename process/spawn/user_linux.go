package spawn

import "golang.org/x/sys/unix"

// becomeUser makes this thread another user's, with no way back. The calls of package
// syscall have all threads follow by a signal, and try again for ever where none may be
// pending. No other thread is left when this one executes a program.
func becomeUser(uid, gid int, groups []int) error {
	if err := unix.Setgroups(groups); err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(sysSetgid, uintptr(gid), 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(sysSetuid, uintptr(uid), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
