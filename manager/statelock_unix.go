//go:build unix

package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockPoll is how often a lock is tried that another program holds.
const lockPoll = 100 * time.Millisecond

// lockState takes the lock of a state directory. It goes with the program,
// however that ends. On a disk that is read-only it says nothing of who has it.
func lockState(ctx context.Context, root *os.Root, self int, waiting func(pid int)) (*os.File, error) {
	f, err := root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	readOnly := errors.Is(err, syscall.EROFS)
	if readOnly {
		f, err = root.Open("lock")
	}
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			if readOnly {
				return f, nil
			}
			if err = claim(f, self); err != nil {
				f.Close()
				return nil, err
			}
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock: %w", err)
		}
		if first && waiting != nil {
			waiting(holder(f))
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			pid := holder(f)
			f.Close()
			return nil, fmt.Errorf("%w (os pid %d)", ErrLocked, pid)
		}
	}
}

// claim writes who has the lock.
func claim(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// holder is who has the lock, 0 if that cannot be read.
func holder(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}
