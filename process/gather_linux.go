package process

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pauses are short ones. A time.Timer of the runtime takes a millisecond at least, when
// nothing else runs.
type pauses struct {
	file *os.File
	next unix.ItimerSpec
}

func newPauses(d time.Duration) (*pauses, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	file, err := newPolled(fd, "pause")
	if err != nil {
		return nil, err
	}
	next := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	return &pauses{file, next}, nil
}

// wait waits for one.
func (p *pauses) wait() {
	var expired [8]byte
	if control(p.file, func(fd int) error { return unix.TimerfdSettime(fd, 0, &p.next, nil) }) == nil {
		p.file.Read(expired[:])
	}
}

func (p *pauses) close() { p.file.Close() }

// leavePoller goes on with another descriptor of the pipe, which the runtime does not
// poll. It fails if there is none left.
func (r *reader) leavePoller() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := control(r.file, func(fd int) (err error) {
		r.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	r.file.Close() // which ends its polling; whoever else has the pipe open goes on
	r.file = nil
	return nil
}

// joinPoller undoes leavePoller, if there is a descriptor for it, and the kernel has
// room for one more that is polled.
func (r *reader) joinPoller() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	fd, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return false
	}
	if r.file, err = newPolled(fd, "output"); err != nil {
		return false
	}
	unix.Close(r.fd)
	if r.cut {
		r.file.SetReadDeadline(past)
	}
	return true
}

// newPolled is os.NewFile, but fails if the runtime does not poll the descriptor, which is
// closed then.
func newPolled(fd int, name string) (*os.File, error) {
	f := os.NewFile(uintptr(fd), name)
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// close closes our end.
func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		unix.Close(r.fd)
		r.fd = -1
		return
	}
	r.file.Close()
}
