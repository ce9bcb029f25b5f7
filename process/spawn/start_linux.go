package spawn

import (
	"errors"
	"os"
	"syscall"
)

// Start starts a program and returns when it is being executed, or could not
// be. The pid stays the child's until the caller has waited for it; the pidfd is
// the caller's to close.
func Start(a Attr) (pid, pidfd int, err error) {
	return StartTelling(a, func(int, int) {})
}

// StartTelling is Start, and tells of the helper that executes the program, if it takes
// one: that may be long before Start returns. If the helper fails helper is called again,
// with 0 and -1, before its pid and pidfd are given back.
func StartTelling(a Attr, helper func(pid, pidfd int)) (pid, pidfd int, err error) {
	if a.Slow || a.Limits.ofProcess() {
		return startHelped(&a, helper)
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
	state := threadState{umask: a.Umask, limits: a.Limits.ofThread()}
	if a.crowded() {
		apart := state
		apart.apart = true
		pid, pidfd, err = startApart(&a, attr, apart)
		if _, no := errors.AsType[*apartError](err); !no {
			return pid, pidfd, err
		}
		attr.Files, attr.Sys.CgroupFD, attr.Sys.PidFD = a.files(), a.Cgroup.N, &pidfd
	}
	pid, err = start(&a, attr, state)
	if err != nil {
		return 0, -1, err
	}
	return pid, pidfd, nil
}

func start(a *Attr, attr *syscall.ProcAttr, state threadState) (pid int, err error) {
	if state == (threadState{}) {
		pid, _, err = syscall.StartProcess(a.Path, a.Args, attr)
		return pid, err
	}
	threadErr := onThread(state, func() { pid, _, err = syscall.StartProcess(a.Path, a.Args, attr) })
	if threadErr != nil {
		return 0, threadErr
	}
	return pid, err
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
