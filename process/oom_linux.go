package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// oomKills tells children that the kernel killed for want of memory from those
// that somebody killed. There is a count for this program's cgroup, or for the
// machine, and each kill that it counts explains one end by SIGKILL, soon after it was
// noticed: it may have been of a descendant, or of another program. Of a cgroup v2 the
// kernel tells when the count changes; any other is looked at with such an end alone.
//
// Its goroutine, if it has one, ends with close.
type oomKills struct {
	file *os.File       // has a line "oom_kill <n>"; nil when there is none
	work sync.WaitGroup // the goroutine

	mu        sync.Mutex // guards everything below
	counted   int
	unclaimed []time.Time // when those were noticed that have not explained an end
}

// memoryEvents is the file of a cgroup v2.
const memoryEvents = "memory.events"

// oomFresh is how long after a kill the end that it explains is seen at most: a process
// with much memory takes a while to go.
const oomFresh = 10 * time.Second

func newOOMKills() *oomKills {
	o := new(oomKills)
	var files []string
	if dir, _, err := ownCgroup(); err == nil {
		files = append(files, filepath.Join(dir, memoryEvents))
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
			if filepath.Base(name) == memoryEvents {
				o.work.Go(o.watch)
			}
			break
		}
		file.Close()
	}
	return o
}

// claim reports whether a child that SIGKILL ended was killed for want of
// memory.
func (o *oomKills) claim() bool {
	o.look()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.unclaimed) == 0 {
		return false
	}
	o.unclaimed = o.unclaimed[1:]
	return true
}

// look notes what was killed since the last look, and forgets what was long ago.
func (o *oomKills) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, ok := readOOMKills(o.file)
	if !ok {
		return
	}
	o.unclaimed = slices.DeleteFunc(o.unclaimed, func(at time.Time) bool { return time.Since(at) > oomFresh })
	for ; o.counted < n; o.counted++ {
		o.unclaimed = append(o.unclaimed, time.Now())
	}
}

// watch looks whenever the kernel says that the count has changed.
func (o *oomKills) watch() {
	if conn, err := o.file.SyscallConn(); err == nil {
		conn.Read(func(uintptr) bool {
			o.look()
			return false
		})
	}
}

func (o *oomKills) close() {
	o.file.Close() // an error if there is none
	o.work.Wait()
}

// readOOMKills reads no further than the line that it is about: it is called for each end
// by SIGKILL, and the kernel writes the file anew for each read. It does not move the file's
// position, for which it would have to wait until nobody waits for changes.
func readOOMKills(file *os.File) (int, bool) {
	content := []byte("\n")
	for read := int64(0); ; {
		content = slices.Grow(content, 512)
		n, err := file.ReadAt(content[len(content):cap(content)], read)
		if n == 0 && err != nil {
			return 0, false
		}
		read += int64(n)
		content = content[:len(content)+n]
		if _, rest, found := bytes.Cut(content, []byte("\noom_kill ")); found {
			if number, _, whole := bytes.Cut(rest, []byte("\n")); whole {
				kills, err := strconv.Atoi(string(number))
				return kills, err == nil
			}
		}
	}
}
