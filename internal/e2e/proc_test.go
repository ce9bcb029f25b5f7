package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// marked are the processes whose environment has all of the entries. Zombies,
// which have none any more, are not among them.
func marked(entries ...string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		env := strings.Split(string(content), "\x00")
		if !slices.ContainsFunc(entries, func(entry string) bool { return !slices.Contains(env, entry) }) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// environ is one variable of a process, "" if it has ended.
func environ(pid int, name string) string {
	content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for entry := range strings.SplitSeq(string(content), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// usage is what the kernel holds for a process.
type usage struct {
	fds, threads int
	rss          int64 // bytes
	zombies      int   // children that it has not waited for
}

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d MiB, %d zombies", u.fds, u.threads, u.rss>>20, u.zombies)
}

// use reads what the daemon uses now.
func (d *daemon) use() usage {
	d.t.Helper()
	pid := d.cmd.Process.Pid
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		d.t.Fatal(err)
	}
	u := usage{
		fds:     len(fds),
		threads: int(statusNumber(d.t, pid, "Threads:")),
		rss:     statusNumber(d.t, pid, "VmRSS:") << 10,
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, _ := bytes.Cut(content, []byte(") ")) // past the name, which may hold anything
		fields := strings.Fields(string(rest))
		if fields[0] == "Z" && fields[1] == strconv.Itoa(pid) {
			u.zombies++
		}
	}
	return u
}

// statusNumber reads a line of /proc/PID/status.
func statusNumber(t *testing.T, pid int, key string) int64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, key)
	return 0
}
