package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
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

// memoryOf is what a process holds, without files that lie in memory alone: see
// filesInMemory.
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
			m.pss += kib << 10
		case "Pss_Shmem:":
			m.pss -= kib << 10
		case "Pss_Anon:":
			m.anon = kib << 10
		}
	}
	return m, lines.Err()
}

// filesInMemory is what the files take up that a process has open and that lie
// in memory alone.
func filesInMemory(pid int) (bytes int64, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	seen := make(map[uint64]bool)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue // closed meanwhile, or another kind
		}
		var stat unix.Stat_t
		if unix.Stat(path, &stat) != nil || seen[stat.Ino] {
			continue
		}
		seen[stat.Ino] = true
		bytes += stat.Blocks * 512
	}
	return bytes, nil
}

// wakeUps is how often the threads of a process have begun to wait for
// something, so far.
func wakeUps(pid int) (count int64, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		line, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		count += n
	}
	return count, nil
}

// twinOf is a child of a process that runs the same program, or 0.
func twinOf(pid int) (int, error) {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return 0, err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := strings.Cut(string(text), ") ")
		var state string
		var parent int
		if _, err := fmt.Sscan(fields, &state, &parent); err != nil || parent != pid {
			continue
		}
		dir := filepath.Dir(path)
		if exe, err := os.Readlink(filepath.Join(dir, "exe")); err == nil && exe == program {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, nil
}

// monotonic is a clock that all processes share, in nanoseconds.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // there is such a clock
	}
	return now.Nano()
}
