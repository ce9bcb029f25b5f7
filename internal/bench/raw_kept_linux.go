package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A pair of processes that gives a greeter what gafferd and its keeper give, and does
// nothing else: the child and what it says outlive the process that serves, nothing that
// it has left behind lives on beside the next one, and what has happened is recorded.
// What each of the two says to the other is a datagram: one of these, and a number.
const (
	sayLaunch  = 'l' // with the control group, if there is one, both outputs, and our ends of these
	sayKeep    = 'k' // with a file
	sayRelease = 'r' // the zombie
	sayBegun   = 'b' // with the pid
	sayEnded   = 'e'
)

// rawKept is the one that keeps.
func rawKept([]string) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	worker, err := startKeptWorker(theirs)
	theirs.Close()
	if err != nil {
		return err
	}
	link, err := newKeptLink(ours)
	if err != nil {
		return err
	}
	k := &keptGreeter{link: link}
	go func() {
		untilStdinEnds()
		k.end()
		link.Close()
	}()
	for {
		what, _, files, err := link.hear()
		if err != nil {
			break // the worker has ended, or we have
		}
		if err := k.obey(what, files); err != nil {
			k.end()
			return err
		}
	}
	k.end()
	return worker.Wait() // for it hears that we have ended
}

func startKeptWorker(link *os.File) (*exec.Cmd, error) {
	path, err := self()
	if err != nil {
		return nil, err
	}
	worker := exec.Command(path, "raw", "kept-worker")
	worker.Stdout, worker.Stderr = os.Stdout, os.Stderr
	worker.ExtraFiles = []*os.File{link}
	return worker, worker.Start()
}

// keptGreeter is what is kept of the greeter that runs.
type keptGreeter struct {
	link *keptLink

	mu    sync.Mutex // guards everything below
	over  bool
	pid   int // 0: none runs
	pidfd *os.File
	files []int // its own
	other []int // that are no greeter's
}

func (k *keptGreeter) obey(what byte, files []int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case what == sayLaunch && !k.over:
		return k.launch(files)
	case what == sayKeep && k.pid == 0:
		k.other = append(k.other, files...)
	case what == sayKeep:
		k.files = append(k.files, files...)
	case what == sayRelease:
		k.release()
	}
	return nil
}

func (k *keptGreeter) launch(files []int) error {
	path, err := exec.LookPath(greeter[0])
	if err != nil {
		return err
	}
	pidfd := -1
	attr := dieWithUs()
	attr.Setpgid, attr.PidFD = true, &pidfd
	k.files = append(k.files, files[len(files)-2:]...)
	theirs := files[:len(files)-2]
	if len(theirs) > 2 {
		attr.UseCgroupFD, attr.CgroupFD = true, theirs[0]
	}
	out, errs := theirs[len(theirs)-2], theirs[len(theirs)-1]
	k.pid, _, err = syscall.StartProcess(path, greeter, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, uintptr(out), uintptr(errs)}, Sys: attr,
	})
	for _, fd := range theirs {
		unix.Close(fd)
	}
	if err != nil {
		return err
	}
	unix.SetNonblock(pidfd, true)
	k.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	go k.watch(k.pidfd)
	return k.link.say(sayBegun, k.pid)
}

// watch tells of the end of the greeter with that pidfd.
func (k *keptGreeter) watch(pidfd *os.File) {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return
	}
	err = conn.Read(func(fd uintptr) bool {
		polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(polls, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
	if err == nil {
		k.link.say(sayEnded, 0)
	}
}

// release forgets the greeter, which has ended. k.mu must be held.
func (k *keptGreeter) release() {
	if k.pid == 0 {
		return
	}
	unix.Wait4(k.pid, nil, 0, nil)
	k.pidfd.Close()
	for _, fd := range k.files {
		unix.Close(fd)
	}
	k.pid, k.files = 0, nil
}

func (k *keptGreeter) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	if k.pid > 0 {
		unix.Kill(-k.pid, unix.SIGKILL)
	}
	k.release()
}

// keptLink is one end of what the two say to each other. One goroutine may hear.
type keptLink struct {
	*net.UnixConn
	in, oob [256]byte
}

// newKeptLink takes f over.
func newKeptLink(f *os.File) (*keptLink, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the link is no unix socket")
	}
	return &keptLink{UnixConn: unixConn}, nil
}

func (l *keptLink) say(what byte, number int, files ...int) error {
	_, _, err := l.WriteMsgUnix(binary.LittleEndian.AppendUint64([]byte{what}, uint64(number)), unix.UnixRights(files...), nil)
	return err
}

func (l *keptLink) hear() (what byte, number int, files []int, err error) {
	n, oobn, _, _, err := l.ReadMsgUnix(l.in[:], l.oob[:])
	switch {
	case err != nil:
		return 0, 0, nil, err
	case n == 0:
		return 0, 0, nil, io.EOF
	case n != 9:
		return 0, 0, nil, fmt.Errorf("%d bytes were said", n)
	}
	if oobn > 0 {
		messages, err := unix.ParseSocketControlMessage(l.oob[:oobn])
		if err != nil {
			return 0, 0, nil, err
		}
		if files, err = unix.ParseUnixRights(&messages[0]); err != nil {
			return 0, 0, nil, err
		}
	}
	return l.in[0], int(binary.LittleEndian.Uint64(l.in[1:])), files, nil
}
