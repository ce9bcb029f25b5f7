package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rawKeptWorker is the one that serves: it has one greeter launched after the other, and
// what they say goes to the one connection that it waits for.
func rawKeptWorker([]string) error {
	link, err := newKeptLink(os.NewFile(3, "link"))
	if err != nil {
		return err
	}
	conn, err := sayAndAccept()
	if err != nil {
		return err
	}
	defer conn.Close()
	w := &keptWorker{link: link, conn: conn, groups: groupOfKept()}
	defer func() {
		w.vacate()
		os.Remove(w.groups)
	}()
	if w.journal, err = newKeptFile(); err != nil {
		return err
	}
	w.link.say(sayKeep, 0, w.journal.fd)
	return w.run()
}

type keptWorker struct {
	link    *keptLink // what is said when the other one has ended is lost: to hear fails then
	conn    net.Conn
	groups  string // where each greeter gets its control group; "" without any
	group   string // of the one that runs
	count   int    // of greeters so far
	journal *keptFile
	readers sync.WaitGroup
}

// run returns when the other one has ended, which has killed the last greeter.
func (w *keptWorker) run() error {
	if err := w.launch(); err != nil {
		return err
	}
	for {
		what, pid, _, err := w.link.hear()
		if err != nil {
			return w.vacate()
		}
		switch what {
		case sayBegun:
			w.note("begun", pid)
		case sayEnded:
			w.readers.Wait()
			if err := w.vacate(); err != nil {
				return err
			}
			w.note("ended", w.count)
			w.link.say(sayRelease, 0)
			if err := w.launch(); err != nil {
				return err
			}
		}
	}
}

// note records what has happened.
func (w *keptWorker) note(what string, number int) {
	w.journal.put(fmt.Appendf(nil, "%d greeter %d %s %d\n", time.Now().UnixNano(), w.count, what, number))
}

func (w *keptWorker) launch() error {
	w.count++
	w.note("launch", w.count)
	var files []int // that are the greeter's
	if w.groups != "" {
		w.group = filepath.Join(w.groups, strconv.Itoa(w.count))
		if err := os.Mkdir(w.group, 0o755); err != nil {
			return err
		}
		dir, err := unix.Open(w.group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		files = append(files, dir)
	}
	var ours []int
	for range 2 {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return err
		}
		unix.SetNonblock(ends[0], true)
		ours, files = append(ours, ends[0]), append(files, ends[1])
	}
	w.link.say(sayLaunch, w.count, append(files, ours...)...)
	for _, fd := range files {
		unix.Close(fd)
	}
	for _, fd := range ours {
		w.readers.Go(func() { w.bring(os.NewFile(uintptr(fd), "output")) })
	}
	return nil
}

// vacate removes the control group of a greeter that has ended, in which nothing may
// live any more.
func (w *keptWorker) vacate() error {
	if w.group == "" {
		return nil
	}
	group := w.group
	w.group = ""
	return os.NewSyscallError("rmdir", unix.Rmdir(group))
}

// bring brings to the connection what comes out of a pipe, by way of a file that is kept.
func (w *keptWorker) bring(pipe *os.File) {
	defer pipe.Close()
	if !comes(pipe) {
		return
	}
	file, err := newKeptFile()
	if err != nil {
		return // who waits for its greeting finds none
	}
	defer file.close()
	if w.link.say(sayKeep, 0, file.fd) != nil {
		return
	}
	for {
		said, err := file.take(pipe)
		if err != nil {
			return
		}
		w.conn.Write(said)
	}
}

// comes waits until there is something in a pipe, or (false) never will be.
func comes(pipe *os.File) (something bool) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return false
	}
	conn.Read(func(fd uintptr) bool {
		polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		unix.Poll(polls, 0)
		something = polls[0].Revents&unix.POLLIN != 0
		return polls[0].Revents != 0
	})
	return something
}

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
