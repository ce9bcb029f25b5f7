package process

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// readOOMKills reads no further than the line that it is about: it is called for each end
// by SIGKILL, and the kernel writes the file anew for each read.
func readOOMKills(file *os.File) (int, bool) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, false
	}
	content := []byte("\n")
	for {
		content = slices.Grow(content, 512)
		n, err := file.Read(content[len(content):cap(content)])
		if err != nil {
			return 0, false
		}
		content = content[:len(content)+n]
		if _, rest, found := bytes.Cut(content, []byte("\noom_kill ")); found {
			if number, _, whole := bytes.Cut(rest, []byte("\n")); whole {
				kills, err := strconv.Atoi(string(number))
				return kills, err == nil
			}
		}
	}
}
