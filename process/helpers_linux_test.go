package process

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

func pipeSize(t *testing.T, f *os.File) (size int) {
	t.Helper()
	err := control(f, func(fd int) (err error) {
		size, err = unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// killEscaped kills the process that the program escape has let go, after the
// test.
func killEscaped(t *testing.T, p *Process) {
	t.Helper()
	saying(t, p, "stdout", "\n")
	line, _ := log(t, p, "stdout").Read(0, 1000)
	words := strings.Fields(string(line))
	pid, err := strconv.Atoi(words[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
}

// bearing are the processes, zombies apart, that have entry in their
// environment.
func bearing(entry string) []int {
	var pids []int
	l := new(look)
	l.read()
	for pid, p := range l.procs {
		environ, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if p.alive() && strings.Contains("\x00"+string(environ), "\x00"+entry+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// zombies are our own children that nobody has waited for.
func zombies() []proc {
	var found []proc
	l := new(look)
	l.read()
	for _, pid := range l.children[os.Getpid()] {
		if p := l.procs[pid]; !p.alive() {
			found = append(found, p)
		}
	}
	return found
}

// reapStrays waits for what earlier tests have left to this program. It stays a
// subreaper when their launchers, who waited for orphans, are closed.
func reapStrays() {
	for _, p := range zombies() {
		family.unlessLaunched(p.pid, func() { spawn.Reap(p.pid) })
	}
}

// descriptors is how many we have open, not counting the look itself.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) - 1
}

func highestDescriptor(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, entry := range entries {
		if n, _ := strconv.Atoi(entry.Name()); n > highest {
			if _, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
				highest = n
			}
		}
	}
	return highest
}

// cgroupNames are the cgroups of launchers of this program.
func cgroupNames(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	dir, _, err := ownCgroup()
	if err != nil {
		return names
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), cgroupPrefix+strconv.Itoa(os.Getpid())+".") {
			names[entry.Name()] = true
		}
	}
	return names
}

func threadCount(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
