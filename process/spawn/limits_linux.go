package spawn

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ofProcess reports whether there is anything that belongs to a whole process
// and not to a thread of it.
func (l *Limits) ofProcess() bool { return len(l.Resources) > 0 || l.OOMScoreAdj.Set }

// setNice is about this thread, and what it makes or becomes.
func (l *Limits) setNice() error {
	if !l.Nice.Set {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, l.Nice.N); err != nil {
		return &StepError{fmt.Sprintf("nice %d", l.Nice.N), err}
	}
	return nil
}

// setNoNewPrivs is about this thread, and what it makes or becomes.
func (l *Limits) setNoNewPrivs() error {
	if !l.NoNewPrivs {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return &StepError{"no_new_privs", err}
	}
	return nil
}

// limitCaps takes from this thread whatever else a program that it executes could gain
// capabilities from, and leaves the thread those that it needs until then.
func (l *Limits) limitCaps() error {
	if !l.LimitCaps {
		return nil
	}
	have, err := caps()
	if err != nil {
		return &StepError{"capabilities", err}
	}
	if missing := l.Caps &^ have.permitted; missing != 0 {
		return &StepError{fmt.Sprintf("capabilities: %s is not the daemon's to give", CapabilityNames[bits.TrailingZeros64(missing)]), unix.EPERM}
	}
	if err := l.limitBounding(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return &StepError{"capabilities", err}
	}
	have.inheritable = l.Caps
	if err := have.set(); err != nil {
		return &StepError{"capabilities", err}
	}
	return nil
}

// limitBounding drops what is not in Bounding. A program that may gain nothing by
// executing a file needs no such bound, and so may do without the right to set it.
func (l *Limits) limitBounding() error {
	for c := range uint(64) {
		if l.Bounding>>c&1 == 1 {
			continue
		}
		there, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			return nil // the kernel knows no more
		}
		if there == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && !l.NoNewPrivs {
			return &StepError{"capabilities: limit them", err}
		}
	}
	return nil
}

// ambient are the capabilities that a program needs to be given beside its user:
// root has all that the bounds leave.
func (a *Attr) ambient() (list []uintptr) {
	if !a.Limits.LimitCaps || a.user() == 0 {
		return nil
	}
	for c := range 64 {
		if a.Limits.Caps>>c&1 == 1 {
			list = append(list, uintptr(c))
		}
	}
	return list
}

// capabilities are the sets of a thread, as bits.
type capabilities struct{ effective, permitted, inheritable uint64 }

func caps() (c capabilities, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return c, err
	}
	both := func(low, high uint32) uint64 { return uint64(low) | uint64(high)<<32 }
	return capabilities{
		both(data[0].Effective, data[1].Effective),
		both(data[0].Permitted, data[1].Permitted),
		both(data[0].Inheritable, data[1].Inheritable),
	}, nil
}

func (c capabilities) set() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(c.effective), Permitted: uint32(c.permitted), Inheritable: uint32(c.inheritable)},
		{Effective: uint32(c.effective >> 32), Permitted: uint32(c.permitted >> 32), Inheritable: uint32(c.inheritable >> 32)},
	}
	return unix.Capset(&header, &data[0])
}

// setResources is about this process.
func (l *Limits) setResources() error {
	if l.OOMScoreAdj.Set {
		// The file is there, so it is neither made nor cut off.
		fd, err := unix.Open("/proc/self/oom_score_adj", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, strconv.AppendInt(nil, int64(l.OOMScoreAdj.N), 10))
			unix.Close(fd)
		}
		if err != nil {
			return &StepError{fmt.Sprintf("oom_score_adj %d", l.OOMScoreAdj.N), err}
		}
	}
	for _, r := range l.Resources {
		limit := unix.Rlimit{Cur: r.Soft, Max: r.Hard}
		if err := unix.Prlimit(os.Getpid(), r.Number, &limit, nil); err != nil {
			return &StepError{fmt.Sprintf("rlimits: %s to %s:%s", resourceName(r.Number), limitText(r.Soft), limitText(r.Hard)), err}
		}
	}
	return nil
}

func limitText(n uint64) string {
	if n == Infinity {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

// resources are the limits that the kernel knows.
var resources = map[string]int{
	"as": unix.RLIMIT_AS, "core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA,
	"fsize": unix.RLIMIT_FSIZE, "locks": unix.RLIMIT_LOCKS, "memlock": unix.RLIMIT_MEMLOCK,
	"msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE, "nofile": unix.RLIMIT_NOFILE,
	"nproc": unix.RLIMIT_NPROC, "rss": unix.RLIMIT_RSS, "rtprio": unix.RLIMIT_RTPRIO,
	"rttime": unix.RLIMIT_RTTIME, "sigpending": unix.RLIMIT_SIGPENDING, "stack": unix.RLIMIT_STACK,
}

// ResourceNumber is the kernel's number of a limit that ulimit(1) or
// setrlimit(2) call by that name.
func ResourceNumber(name string) (int, bool) {
	n, ok := resources[name]
	return n, ok
}

func resourceName(number int) string {
	for name, n := range resources {
		if n == number {
			return name
		}
	}
	return strconv.Itoa(number)
}
