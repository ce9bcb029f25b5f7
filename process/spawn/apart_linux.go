package spawn

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// manyFiles is how many descriptors a program has open when it is worth making a child
// apart from them. A child begins with duplicates of all, which execve(2) closes one by
// one: with three for each child that there is, to start the thousandth takes twice the
// time of the first. A thread that has left the table of descriptors has few.
const manyFiles = 1024

// crowded reports whether there are that many. A new descriptor gets the lowest number
// that is free, so the numbers of a child's tell.
func (a *Attr) crowded() bool {
	highest := 0
	for _, fd := range a.Files {
		highest = max(highest, fd)
	}
	if a.Cgroup.Set {
		highest = max(highest, a.Cgroup.N)
	}
	return highest >= manyFiles
}

// startApart is start, on a thread that has none of this program's descriptors: it is
// given those that it needs, and gives back that of the child.
func startApart(a *Attr, attr *syscall.ProcAttr, state threadState) (pid, pidfd int, err error) {
	t, err := takeThread(state)
	if err != nil {
		return 0, -1, &apartError{err}
	}
	defer keepThread(t)
	files := slices.Clone(a.Files)
	if a.Cgroup.Set {
		files = append(files, a.Cgroup.N)
	}
	if err := give(t.door.ours, files); err != nil {
		return 0, -1, &apartError{err}
	}
	var given error
	t.run(func() {
		var got []int
		if got, given = take(t.door.theirs, len(files)); given != nil {
			return
		}
		defer closeAll(got)
		for i := range attr.Files {
			attr.Files[i] = uintptr(got[i])
		}
		if a.Cgroup.Set {
			attr.Sys.CgroupFD = got[len(got)-1]
		}
		attr.Sys.PidFD = &pidfd
		if pid, _, err = syscall.StartProcess(a.Path, a.Args, attr); err != nil {
			return
		}
		given = give(t.door.theirs, []int{pidfd})
		unix.Close(pidfd)
	})
	switch {
	case given != nil && pid == 0:
		return 0, -1, &apartError{given}
	case err != nil:
		return 0, -1, err
	}
	got := []int{-1}
	if given == nil {
		got, given = take(t.door.ours, 1)
	}
	if given != nil {
		unix.Kill(pid, unix.SIGKILL)
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
				return 0, -1, given
			}
		}
	}
	return pid, got[0], nil
}

// apartError is why a child cannot be made apart, and has to be made like others.
type apartError struct{ error }

// door is a pair of sockets by which descriptors go to a thread that has its own, and come
// back: our end, and its.
type door struct{ ours, theirs int }

func newDoor() (*door, error) {
	// The first file that is polled has the runtime open what it waits by: too late for a
	// thread that is apart already.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.Close()
	w.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	return &door{fds[0], fds[1]}, nil
}

// goThrough has this thread leave the table of descriptors that the others share. It
// keeps its end, and those by which the runtime waits, which any thread may have to
// use. Its 0 to 2 are /dev/null: what the program has there it may want to close.
func (d *door) goThrough() error {
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0) // closed with the rest
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	for fd := range 3 {
		if err := unix.Dup3(null, fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	entries, err := os.ReadDir("/proc/thread-self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 || fd == d.theirs {
			continue
		}
		switch what, _ := os.Readlink(filepath.Join("/proc/thread-self/fd", entry.Name())); what {
		case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
		default:
			unix.Close(fd)
		}
	}
	return nil
}

// give sends descriptors.
func give(socket int, fds []int) error {
	return os.NewSyscallError("sendmsg", unix.Sendmsg(socket, []byte{0}, unix.UnixRights(fds...), nil, 0))
}

// take receives so many of them.
func take(socket, n int) (fds []int, err error) {
	var data [1]byte
	control := make([]byte, unix.CmsgSpace(4*n))
	var got, flags int
	for {
		if _, got, flags, _, err = unix.Recvmsg(socket, data[:], control, unix.MSG_CMSG_CLOEXEC); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:got])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		rights, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		fds = append(fds, rights...)
	}
	if flags&unix.MSG_CTRUNC != 0 || len(fds) != n {
		closeAll(fds)
		return nil, unix.EMFILE
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
