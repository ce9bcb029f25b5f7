package process

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// oomKills tells children that the kernel killed for want of memory from those
// that somebody killed. There is a count for this program's cgroup, or for the
// machine, and each kill that it counts explains one end by SIGKILL.
type oomKills struct {
	file *os.File // has a line "oom_kill <n>"; nil when there is none

	mu      sync.Mutex // guards everything below
	counted int
}

func newOOMKills() *oomKills {
	o := new(oomKills)
	var files []string
	if dir, _, err := ownCgroup(); err == nil {
		files = append(files, filepath.Join(dir, "memory.events"))
	}
	if cgroups, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(cgroups)) {
			if _, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":memory:"); ok {
				files = append(files, filepath.Join("/sys/fs/cgroup/memory", path, "memory.oom_control"))
			}
		}
	}
	for _, name := range append(files, "/proc/vmstat") {
		file, err := os.Open(name)
		if err != nil {
			continue
		}
		if n, ok := readOOMKills(file); ok {
			o.file, o.counted = file, n
			break
		}
		file.Close()
	}
	return o
}

// claim reports whether a child that SIGKILL ended was killed for want of
// memory.
func (o *oomKills) claim() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, ok := readOOMKills(o.file)
	if !ok || n <= o.counted {
		return false
	}
	o.counted++
	return true
}

func (o *oomKills) close() { o.file.Close() } // an error if there is none

func readOOMKills(file *os.File) (int, bool) {
	content, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			return n, err == nil
		}
	}
	return 0, false
}
