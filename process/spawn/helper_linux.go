package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Some limits belong to a whole process, and those of the caller must not change even
// for a moment. So the child is first this program once more, which as a helper sets
// its own limits, becomes the user, and then executes what was asked for. It has the
// child's pid, process group, cgroup and descriptors from the beginning. If there is
// something that it cannot do, it writes why to a pipe, which the kernel closes if all
// goes well. The same helper executes what may take long.
//
// Since every program that can start one has this package, the helper begins in
// init: nothing of the program itself runs.
func init() {
	if len(os.Args) >= helperArgs && os.Args[0] == helperName {
		runtime.LockOSThread()
		help()
	}
}

const (
	helperName = "gaffer: begins a program"
	helperArgs = 4 // helperName, what encode writes, the directory, and the file; then its argv

	// HelperPrefix begins each entry of the child's environment in that of the helper,
	// so that it means nothing to the helper's runtime.
	HelperPrefix = "_"
)

func startHelped(a *Attr, helper func(pid, pidfd int)) (pid, pidfd int, err error) {
	report, theirs, err := os.Pipe()
	if err != nil {
		return 0, -1, err
	}
	defer report.Close()
	env := []string{"GOGC=off"} // the limits may leave it no memory
	for _, entry := range a.Env {
		env = append(env, HelperPrefix+entry)
	}
	pid, pidfd, err = Start(Attr{
		Path:    "/proc/self/exe",
		Args:    append([]string{helperName, encode(a, len(a.Files)), a.Dir, a.Path}, a.Args...),
		Env:     env,
		Files:   append(a.Files[:len(a.Files):len(a.Files)], int(theirs.Fd())),
		Cgroup:  a.Cgroup,
		Setsid:  a.Setsid,
		Setpgid: a.Setpgid,
	})
	theirs.Close()
	if err != nil {
		return 0, -1, &StepError{"execute /proc/self/exe", err}
	}
	helper(pid, pidfd)
	failure, _ := io.ReadAll(report)
	if len(failure) == 0 {
		return pid, pidfd, nil
	}
	helper(0, -1)
	for { // by its pidfd, for somebody else may have taken the zombie, and the pid be another's
		if err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil); err != unix.EINTR {
			break
		}
	}
	unix.Close(pidfd)
	number, step, _ := strings.Cut(string(failure), " ")
	errno, _ := strconv.Atoi(number)
	if step == "" {
		return 0, -1, syscall.Errno(errno)
	}
	return 0, -1, &StepError{step, syscall.Errno(errno)}
}

// help is the helper. It does not return.
func help() {
	a, report, ok := decode(os.Args[1])
	if !ok {
		os.Exit(127) // somebody else has started it
	}
	a.Dir, a.Path, a.Args = os.Args[2], os.Args[3], os.Args[helperArgs:]
	for _, entry := range os.Environ() {
		if entry, ok := strings.CutPrefix(entry, HelperPrefix); ok {
			a.Env = append(a.Env, entry)
		}
	}
	unix.CloseOnExec(report)
	err := a.become()
	step, _ := errors.AsType[*StepError](err)
	if step == nil {
		step = &StepError{Err: err}
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		errno = unix.EINVAL
	}
	unix.Write(report, fmt.Appendf(nil, "%d %s", int(errno), step.Step))
	os.Exit(127)
}

// become makes this process the program, or returns why not. Limits are raised
// before the right to do so is given up.
func (a *Attr) become() error {
	if a.Umask.Set {
		unix.Umask(a.Umask.N)
	}
	if err := a.Limits.setResources(); err != nil {
		return err
	}
	if err := a.Limits.setNice(); err != nil {
		return err
	}
	if err := a.Limits.limitCaps(); err != nil {
		return err
	}
	if err := a.setUser(); err != nil {
		return err
	}
	if a.Dir != "" {
		if err := unix.Chdir(a.Dir); err != nil {
			return err
		}
	}
	if err := a.Limits.setNoNewPrivs(); err != nil {
		return err
	}
	return syscall.Exec(a.Path, a.Args, a.Env)
}

// setUser makes this thread the user's, with the capabilities that it keeps.
func (a *Attr) setUser() error {
	ambient := a.ambient()
	if len(ambient) > 0 {
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return &StepError{"capabilities", err}
		}
	}
	if a.SetUser {
		groups := make([]int, len(a.Groups))
		for i, g := range a.Groups {
			groups[i] = int(g)
		}
		if err := becomeUser(int(a.UID), int(a.GID), groups); err != nil {
			return err
		}
	}
	for _, c := range ambient {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
			return &StepError{"capabilities", err}
		}
	}
	return nil
}

// encode writes what a helper is told in numbers, beside what may be any bytes
// and so has arguments of its own. report is its descriptor for failures.
func encode(a *Attr, report int) string {
	l := &a.Limits
	list := []uint64{uint64(report), bit(a.SetUser), uint64(a.UID), uint64(a.GID)}
	for _, v := range []Value{a.Umask, l.OOMScoreAdj, l.Nice} {
		list = append(list, bit(v.Set), uint64(int64(v.N)))
	}
	list = append(list, bit(l.NoNewPrivs), bit(l.LimitCaps), l.Caps, l.Bounding, uint64(len(a.Groups)))
	for _, g := range a.Groups {
		list = append(list, uint64(g))
	}
	for _, r := range l.Resources {
		list = append(list, uint64(r.Number), r.Soft, r.Hard)
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// decode is the reverse of encode.
func decode(text string) (a *Attr, report int, ok bool) {
	var list []uint64
	for field := range strings.FieldsSeq(text) {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return nil, 0, false
		}
		list = append(list, n)
	}
	ok = true
	next := func() (n uint64) {
		if len(list) == 0 {
			ok = false
			return 0
		}
		n, list = list[0], list[1:]
		return n
	}
	report = int(next())
	a = &Attr{SetUser: next() == 1, UID: uint32(next()), GID: uint32(next())}
	l := &a.Limits
	for _, v := range []*Value{&a.Umask, &l.OOMScoreAdj, &l.Nice} {
		*v = Value{next() == 1, int(int64(next()))}
	}
	l.NoNewPrivs, l.LimitCaps, l.Caps, l.Bounding = next() == 1, next() == 1, next(), next()
	for n := next(); n > 0 && ok; n-- {
		a.Groups = append(a.Groups, uint32(next()))
	}
	for len(list) > 0 {
		l.Resources = append(l.Resources, Resource{int(next()), next(), next()})
	}
	return a, report, ok
}
