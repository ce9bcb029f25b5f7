package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// A pair of processes that gives children what gafferd and its keeper give, and does
// nothing else: a child and what it says outlive the process that serves, a stop misses
// nothing that descends from it, nothing that it has left behind lives on after its end,
// and what has happened is recorded.
//
// What each of the two says to the other is a datagram: one of these, the number of the
// child that it is about, and another number.
const (
	sayLaunch  = 'l' // with the control group, if there is one, both outputs, and our ends of these
	sayKeep    = 'k' // with a file
	sayStop    = 's'
	sayRelease = 'r' // the zombie
	sayBegun   = 'b' // with the pid
	sayEnded   = 'e'
)

// keptPrograms are what children of the pair can be.
var keptPrograms = map[string][]string{"greeter": greeter, "idle": {"sleep", "1000000"}}

// rawKept is the one that keeps. It ends when the worker does, whose standard input is its own.
func rawKept(args []string) error {
	if len(args) != 1 || keptPrograms[args[0]] == nil {
		return fmt.Errorf("told %q: want greeter or idle", args)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	worker, err := startKeptWorker(args[0], theirs)
	theirs.Close()
	if err != nil {
		return err
	}
	link, err := newKeptLink(ours)
	if err != nil {
		return err
	}
	k := &keptChildren{link: link, program: keptPrograms[args[0]], running: make(map[int]*keptChild)}
	defer k.end()
	for {
		m, err := link.hear()
		if err != nil {
			break // the worker has ended
		}
		if err := k.obey(m); err != nil {
			return err
		}
	}
	return worker.Wait()
}

func startKeptWorker(children string, link *os.File) (*exec.Cmd, error) {
	path, err := self()
	if err != nil {
		return nil, err
	}
	worker := exec.Command(path, "raw", "kept-worker", children)
	worker.Stdin, worker.Stdout, worker.Stderr = os.Stdin, os.Stdout, os.Stderr
	worker.ExtraFiles = []*os.File{link}
	worker.SysProcAttr = dieWithUs()
	return worker, worker.Start()
}

// keptChildren are what one goroutine keeps.
type keptChildren struct {
	link    *keptLink
	program []string
	running map[int]*keptChild
	files   []int // that are no child's
}

type keptChild struct {
	pid   int
	pidfd *os.File
	files []int
}

func (k *keptChildren) obey(m keptMessage) error {
	child := k.running[m.number]
	switch {
	case m.what == sayLaunch:
		return k.launch(m.number, m.files)
	case m.what == sayKeep && child == nil:
		k.files = append(k.files, m.files...)
	case m.what == sayKeep:
		child.files = append(child.files, m.files...)
	case m.what == sayStop && child != nil:
		unix.Kill(-child.pid, unix.SIGTERM)
	case m.what == sayRelease && child != nil:
		k.release(m.number)
	}
	return nil
}

func (k *keptChildren) launch(number int, files []int) error {
	path, err := exec.LookPath(k.program[0])
	if err != nil {
		return err
	}
	pidfd := -1
	attr := dieWithUs()
	attr.Setpgid, attr.PidFD = true, &pidfd
	theirs := files[:len(files)-2]
	if len(theirs) > 2 {
		attr.UseCgroupFD, attr.CgroupFD = true, theirs[0]
	}
	out, errs := theirs[len(theirs)-2], theirs[len(theirs)-1]
	pid, _, err := syscall.StartProcess(path, k.program, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, uintptr(out), uintptr(errs)}, Sys: attr,
	})
	for _, fd := range theirs {
		unix.Close(fd)
	}
	if err != nil {
		return err
	}
	unix.SetNonblock(pidfd, true)
	child := &keptChild{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), files: files[len(files)-2:]}
	k.running[number] = child
	go k.watch(number, child.pidfd)
	return k.link.say(sayBegun, number, pid)
}

// watch tells of the end of the child with that pidfd.
func (k *keptChildren) watch(number int, pidfd *os.File) {
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
		k.link.say(sayEnded, number, 0)
	}
}

// release forgets a child, which has ended.
func (k *keptChildren) release(number int) {
	child := k.running[number]
	delete(k.running, number)
	unix.Wait4(child.pid, nil, 0, nil)
	child.pidfd.Close()
	for _, fd := range child.files {
		unix.Close(fd)
	}
}

// end kills those that the worker has left.
func (k *keptChildren) end() {
	for number, child := range k.running {
		unix.Kill(-child.pid, unix.SIGKILL)
		k.release(number)
	}
	k.link.Close()
}

// keptLink is one end of what the two say to each other. One goroutine may hear.
type keptLink struct {
	*net.UnixConn
	in, oob [256]byte
}

type keptMessage struct {
	what         byte
	number, more int
	files        []int
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

func (l *keptLink) say(what byte, number, more int, files ...int) error {
	text := binary.LittleEndian.AppendUint64([]byte{what}, uint64(number))
	_, _, err := l.WriteMsgUnix(binary.LittleEndian.AppendUint64(text, uint64(more)), unix.UnixRights(files...), nil)
	return err
}

func (l *keptLink) hear() (m keptMessage, err error) {
	n, oobn, _, _, err := l.ReadMsgUnix(l.in[:], l.oob[:])
	switch {
	case err != nil:
		return m, err
	case n == 0:
		return m, io.EOF
	case n != 17:
		return m, fmt.Errorf("%d bytes were said", n)
	}
	m = keptMessage{
		what:   l.in[0],
		number: int(binary.LittleEndian.Uint64(l.in[1:])),
		more:   int(binary.LittleEndian.Uint64(l.in[9:])),
	}
	if oobn > 0 {
		messages, err := unix.ParseSocketControlMessage(l.oob[:oobn])
		if err != nil {
			return m, err
		}
		if m.files, err = unix.ParseUnixRights(&messages[0]); err != nil {
			return m, err
		}
	}
	return m, nil
}
