package process

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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
