package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// measurable reports whether this system can tell what is asked of it.
func measurable() error { return nil }

// dieWithUs lets a child end when this process does, however that comes about.
// The kernel goes by the thread that started it, and Go ends no thread but
// those that goroutines are locked to, of which there is none here.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

// cpuTime is what a process has used so far, all its threads together, to the
// nanosecond (the ticks in /proc/PID/stat are 10 ms long).
func cpuTime(pid int) (time.Duration, error) {
	clock := int32(^pid<<3 | 2) // the clock of another process, as clock_getcpuclockid(3) makes it
	var now unix.Timespec
	if err := unix.ClockGettime(clock, &now); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}

// bytesRead is what a process has asked the kernel for so far, from files and
// from anything else.
func bytesRead(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/io", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var n int64
	_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return n, err
}

// memory is what a process holds.
type memory struct {
	pss     int64 // its share of what it shares with others, and all of its own
	private int64 // what it alone has written to
}

func memoryOf(pid int) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64) // the heading has none, nor is it asked for
		switch fields[0] {
		case "Pss:":
			m.pss = kib << 10
		case "Private_Dirty:":
			m.private = kib << 10
		}
	}
	return m, lines.Err()
}
