package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
	"golang.org/x/sys/unix"
)

// cgroupPrefix begins the names of the directories that launchers make, one
// each, below the cgroup of this program: gaffer.<pid>.<start time>.<number>.
const cgroupPrefix = "gaffer."

var cgroupRuns atomic.Int64

// cgroupRun is the cgroup below which a launcher has one for each child. It is
// there while there is a child, so that a program that just ends leaves none.
type cgroupRun struct {
	dir  string // where it is mounted
	path string // as /proc/<pid>/cgroup has it
	last atomic.Int64
	used atomic.Int64 // by how many children
}

// openCgroups prepares the launcher's cgroup. It returns nil where there is no
// cgroup v2, or none that can be written to.
func openCgroups() *cgroupRun {
	base, path, err := ownCgroup()
	if err != nil {
		return nil
	}
	removeLeftovers(base)
	self, err := readProc(guardian())
	if err != nil {
		return nil
	}
	name := fmt.Sprintf("%s%d.%d.%d", cgroupPrefix, self.pid, self.start, cgroupRuns.Add(1))
	run := &cgroupRun{dir: filepath.Join(base, name), path: filepath.Join(path, name)}
	if !run.usable() {
		return nil
	}
	return run
}

// usable reports whether a child can be started in a cgroup: old kernels and some
// sandboxes refuse it. The program asked for does not exist, and that this is the
// answer says that all else works.
func (r *cgroupRun) usable() bool {
	c := r.create("probe")
	if c == nil {
		return false
	}
	defer c.remove()
	dir, err := c.open()
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	_, _, err = family.launch(spawn.Attr{
		Path:   filepath.Join(c.dir, "none"),
		Args:   []string{"none"},
		Cgroup: spawn.To(dir),
	}, nil)
	return errors.Is(err, syscall.ENOENT) && c.kill() == nil
}

// create makes the cgroup of one child. It returns nil when there is no room.
func (r *cgroupRun) create(name string) *cgroup {
	c := r.named(name)
	for range 10 {
		err := unix.Mkdir(c.dir, 0o755)
		switch err {
		case nil:
			return c
		case unix.ENOENT: // the child before may be taking the launcher's away just now
			err = unix.Mkdir(r.dir, 0o755)
		case unix.EEXIST: // an earlier worker was killed before it had anything started there
			err = unix.Rmdir(c.dir)
		}
		if err != nil && err != unix.EEXIST {
			break
		}
	}
	r.unused()
	return nil
}

// next is a name that no child of this program has had.
func (r *cgroupRun) next() string { return strconv.FormatInt(r.last.Add(1), 10) }

// existing is the cgroup of a child of an earlier worker; nil if it has none.
func (r *cgroupRun) existing(name string) *cgroup {
	c := r.named(name)
	if unix.Access(c.dir, unix.F_OK) != nil {
		r.unused()
		return nil
	}
	return c
}

// named is the cgroup of a child that has one.
func (r *cgroupRun) named(name string) *cgroup {
	r.used.Add(1)
	return &cgroup{run: r, dir: filepath.Join(r.dir, name), path: filepath.Join(r.path, name)}
}

// unused takes the launcher's cgroup away after the last child.
func (r *cgroupRun) unused() {
	if r.used.Add(-1) == 0 {
		unix.Rmdir(r.dir) // it stays when a new child came, or something lives in it
	}
}

// close removes what is empty. What is not is left to the next launcher.
func (r *cgroupRun) close() { removeCgroup(r.dir) }

// cgroup contains one child.
type cgroup struct {
	run       *cgroupRun
	dir, path string
	vanished  atomic.Bool
}

// open returns a descriptor that a process can be started in.
func (c *cgroup) open() (int, error) {
	fd, err := unix.Open(c.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return fd, os.NewSyscallError("open cgroup", err)
}

// kill kills all that is in it, and below.
func (c *cgroup) kill() error {
	return os.WriteFile(filepath.Join(c.dir, "cgroup.kill"), []byte("1"), 0)
}

// members are the processes in it, and in the cgroups that they made below it, that
// are alive, but for one. Nothing is asked about that one: what /proc has been asked
// about takes the kernel longer to forget. With an error, which is a shortage, there may
// be more.
func (c *cgroup) members(but int) ([]proc, error) {
	members, err := membersOf(c.dir, but)
	// A directory has a link for each below it, and two of its own.
	var stat unix.Stat_t
	if err != nil || unix.Stat(c.dir, &stat) != nil || stat.Nlink <= 2 {
		return members, err
	}
	err = filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != c.dir {
			var below []proc
			below, err = membersOf(path, but)
			members = append(members, below...)
		}
		return shortage(err) // nil if it has vanished, with its members
	})
	return members, err
}

// membersOf are the members of one cgroup.
func membersOf(dir string, but int) (members []proc, err error) {
	pids, err := readKernel(dir + "/cgroup.procs")
	if err != nil {
		return nil, shortage(err)
	}
	for pid := range bytes.FieldsSeq(pids) {
		n := number(pid)
		if n <= 0 || n == but { // 0 is one outside of our pid namespace
			continue
		}
		switch p, err := readProc(n); {
		case shortage(err) != nil:
			return members, err
		case err == nil && p.alive():
			members = append(members, p)
		}
	}
	return members, nil
}

// vanish removes it if nothing lives in it, which says in one call that nothing does.
// If it reports false, that says nothing.
func (c *cgroup) vanish() bool {
	if unix.Rmdir(c.dir) != nil {
		return false
	}
	c.vanished.Store(true)
	return true
}

// remove removes it, with the cgroups that its processes made below it.
func (c *cgroup) remove() {
	if !c.vanished.Load() {
		removeCgroup(c.dir)
	}
	c.run.unused()
}

// removeCgroup removes dir and all below it from the bottom up. A cgroup's
// files cannot be removed and need not be; one with processes stays.
func removeCgroup(dir string) {
	if unix.Rmdir(dir) == nil {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			removeCgroup(filepath.Join(dir, entry.Name()))
		}
	}
	unix.Rmdir(dir) // it stays when something lives in it
}

// removeLeftovers removes the empty cgroups of programs that have ended.
func removeLeftovers(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, entry := range entries {
		var pid int
		var start, number uint64
		name, ok := strings.CutPrefix(entry.Name(), cgroupPrefix)
		if !ok || !entry.IsDir() {
			continue
		}
		if n, _ := fmt.Sscanf(name, "%d.%d.%d", &pid, &start, &number); n != 3 {
			continue
		}
		if p, err := readProc(pid); err == nil && p.alive() && p.start == start {
			continue
		}
		removeCgroup(filepath.Join(base, entry.Name()))
	}
}

// ownCgroup is the cgroup v2 of this program: its directory, and its path as
// /proc/<pid>/cgroup has it. On a hybrid system cgroup v2 is mounted beside the
// older ones.
func ownCgroup() (dir, path string, err error) {
	cgroups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	found := false
	for line := range strings.Lines(string(cgroups)) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			path, found = strings.TrimSuffix(rest, "\n"), true
		}
	}
	if !found {
		return "", "", errors.New("no cgroup v2")
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(mounts)) {
		// 36 35 98:0 <root> <mount point> <options> … - cgroup2 cgroup2 rw
		fields := strings.Fields(line)
		dash := slices.Index(fields, "-")
		if dash < 5 || dash+1 >= len(fields) || fields[dash+1] != "cgroup2" {
			continue
		}
		if below, err := filepath.Rel(fields[3], path); err == nil && !strings.HasPrefix(below, "..") {
			return filepath.Join(fields[4], below), path, nil
		}
	}
	return "", "", errors.New("cgroup v2 is not mounted")
}
