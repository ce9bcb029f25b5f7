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
	next := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	return &pauses{os.NewFile(uintptr(fd), "pause"), next}, nil
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
	r.file.Close() // which ends its polling; who else has the pipe open goes on
	r.file = nil
	return nil
}

// joinPoller undoes that.
func (r *reader) joinPoller() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file = os.NewFile(uintptr(r.fd), "output")
	if r.cut {
		r.file.SetReadDeadline(past)
	}
}
