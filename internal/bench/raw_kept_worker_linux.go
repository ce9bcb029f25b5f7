package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// keptWorker is the one that serves: it has children launched, and sees to what they leave.
type keptWorker struct {
	link   *keptLink // what is said when the other one has ended is lost: to hear fails then
	groups string    // where each child gets its control group; "" without any

	mu      sync.Mutex // guards what follows, and the pids of lives
	journal *keptFile
}

// rawKeptWorker is a worker for children of one kind.
func rawKeptWorker(args []string) error {
	link, err := newKeptLink(os.NewFile(3, "link"))
	if err != nil {
		return err
	}
	w := &keptWorker{link: link, groups: groupOfKept()}
	defer os.Remove(w.groups)
	if w.journal, err = newKeptFile(); err != nil {
		return err
	}
	w.link.say(sayKeep, 0, 0, w.journal.fd)
	if args[0] == "greeter" {
		return replaceKept(w)
	}
	return idleKept(w)
}

// note records what has happened to a child. w.mu must be held.
func (w *keptWorker) note(number int, what string, detail int) {
	w.journal.put(fmt.Appendf(nil, "%d child %d %s %d\n", time.Now().UnixNano(), number, what, detail))
}

// keptLife is that of one child.
type keptLife struct {
	number  int // from 1
	pid     int // 0 until it is known
	group   string
	readers sync.WaitGroup
}

// launch has a child launched, and brings what it says to a writer.
func (w *keptWorker) launch(life *keptLife, to io.Writer) error {
	w.mu.Lock()
	w.note(life.number, "launch", 0)
	w.mu.Unlock()
	var files []int // that are the child's
	if w.groups != "" {
		life.group = filepath.Join(w.groups, strconv.Itoa(life.number))
		if err := os.Mkdir(life.group, 0o755); err != nil {
			return err
		}
		dir, err := unix.Open(life.group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
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
	w.link.say(sayLaunch, life.number, 0, append(files, ours...)...)
	for _, fd := range files {
		unix.Close(fd)
	}
	for _, fd := range ours {
		life.readers.Go(func() { w.bring(life.number, os.NewFile(uintptr(fd), "output"), to) })
	}
	return nil
}

// begun notes that a child runs.
func (w *keptWorker) begun(life *keptLife, pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	life.pid = pid
	w.note(life.number, "begun", pid)
}

// stop tells a child to end, and what descends from it.
func (w *keptWorker) stop(life *keptLife) {
	w.link.say(sayStop, life.number, 0)
	if life.group == "" {
		return
	}
	w.mu.Lock()
	leader := life.pid
	w.mu.Unlock()
	members, _ := os.ReadFile(filepath.Join(life.group, "cgroup.procs")) // none when it has ended
	for member := range bytes.FieldsSeq(members) {
		if pid, err := strconv.Atoi(string(member)); err == nil && pid != leader {
			unix.Kill(pid, unix.SIGTERM)
		}
	}
}

// ended sees to what a child leaves: what it has said is brought, and nothing may live any
// more in its control group.
func (w *keptWorker) ended(life *keptLife) error {
	life.readers.Wait()
	if life.group != "" {
		if err := unix.Rmdir(life.group); err != nil {
			return os.NewSyscallError("rmdir", err)
		}
	}
	w.mu.Lock()
	w.note(life.number, "ended", life.pid)
	w.mu.Unlock()
	return w.link.say(sayRelease, life.number, 0)
}

// bring brings to a writer what comes out of a pipe, by way of a file that is kept.
func (w *keptWorker) bring(number int, pipe *os.File, to io.Writer) {
	defer pipe.Close()
	if !comes(pipe) {
		return
	}
	file, err := newKeptFile()
	if err != nil {
		return // who waits for it finds nothing
	}
	defer file.close()
	if w.link.say(sayKeep, number, 0, file.fd) != nil {
		return
	}
	for {
		said, err := file.take(pipe)
		if err != nil {
			return
		}
		to.Write(said)
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
