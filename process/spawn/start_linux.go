package spawn

import (
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts a program and returns when it is being executed, or could not
// be. The pid stays the child's until the caller has waited for it; the pidfd is
// the caller's to close.
func Start(a Attr) (pid, pidfd int, err error) {
	pidfd = -1
	attr := &syscall.ProcAttr{Dir: a.Dir, Env: a.Env, Files: a.files(), Sys: &syscall.SysProcAttr{
		Setsid:      a.Setsid,
		Setpgid:     a.Setpgid,
		UseCgroupFD: a.Cgroup.Set,
		CgroupFD:    a.Cgroup.N,
		PidFD:       &pidfd,
	}}
	if a.SetUser {
		attr.Sys.Credential = &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups}
	}
	pid, err = start(&a, attr)
	if err != nil {
		return 0, -1, err
	}
	return pid, pidfd, nil
}

func start(a *Attr, attr *syscall.ProcAttr) (pid int, err error) {
	if !a.Umask.Set {
		pid, _, err = syscall.StartProcess(a.Path, a.Args, attr)
		return pid, err
	}
	// The umask belongs to the whole process, so changing it there would race
	// with every file that is created meanwhile. A thread that has left the shared
	// file system state has one of its own. Being locked and never unlocked, the
	// thread ends with its goroutine.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			err = fmt.Errorf("set the umask: unshare: %w", err)
			return
		}
		unix.Umask(a.Umask.N)
		pid, _, err = syscall.StartProcess(a.Path, a.Args, attr)
	}()
	<-done
	return pid, err
}

func (a *Attr) files() []uintptr {
	files := make([]uintptr, len(a.Files))
	for i, fd := range a.Files {
		files[i] = uintptr(fd)
	}
	return files
}
