package spawn

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts a program and returns when it is being executed, or could not
// be. The pid stays the child's until the caller has waited for it; the pidfd is
// the caller's to close.
func Start(a Attr) (pid, pidfd int, err error) {
	if a.Limits.ofProcess() {
		return startHelped(&a)
	}
	pidfd = -1
	attr := &syscall.ProcAttr{Dir: a.Dir, Env: a.Env, Files: a.files(), Sys: &syscall.SysProcAttr{
		Setsid:      a.Setsid,
		Setpgid:     a.Setpgid,
		UseCgroupFD: a.Cgroup.Set,
		CgroupFD:    a.Cgroup.N,
		PidFD:       &pidfd,
		AmbientCaps: a.ambient(),
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
	if !a.Umask.Set && !a.Limits.ofThread() {
		pid, _, err = syscall.StartProcess(a.Path, a.Args, attr)
		return pid, err
	}
	// A child inherits these from the thread that makes it. Being locked and never
	// unlocked, this thread ends with its goroutine, and nothing else runs on it.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = a.setUmask(); err != nil {
			return
		}
		if err = a.Limits.setNice(); err != nil {
			return
		}
		if err = a.Limits.limitCaps(); err != nil {
			return
		}
		if err = a.Limits.setNoNewPrivs(); err != nil {
			return
		}
		pid, _, err = syscall.StartProcess(a.Path, a.Args, attr)
	}()
	<-done
	return pid, err
}

// setUmask sets the umask of this thread. It belongs to the whole process, so
// changing it there would race with every file that is created meanwhile; a
// thread that has left the shared file system state has one of its own.
func (a *Attr) setUmask() error {
	if !a.Umask.Set {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return &StepError{"umask: unshare", err}
	}
	unix.Umask(a.Umask.N)
	return nil
}

// user is who the program runs as.
func (a *Attr) user() uint32 {
	if a.SetUser {
		return a.UID
	}
	return uint32(os.Geteuid())
}

func (a *Attr) files() []uintptr {
	files := make([]uintptr, len(a.Files))
	for i, fd := range a.Files {
		files[i] = uintptr(fd)
	}
	return files
}
