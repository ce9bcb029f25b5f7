package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// groupOfKept makes a control group below this program's own; "" if it cannot, or if
// nothing can be started in it.
func groupOfKept() string {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(own)) {
		path, ok := strings.CutPrefix(line, "0::")
		if !ok {
			continue
		}
		for line := range strings.Lines(string(mounts)) {
			if fields := strings.Fields(line); len(fields) > 2 && fields[2] == "cgroup2" {
				dir := filepath.Join(fields[1], strings.TrimSpace(path), fmt.Sprintf("gaffer-bench.%d", os.Getpid()))
				if os.Mkdir(dir, 0o755) == nil && startsIn(dir) {
					return dir
				}
				os.Remove(dir)
			}
		}
	}
	return ""
}

// startsIn reports whether a program can be started in a control group.
func startsIn(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	return probe.Run() == nil
}
