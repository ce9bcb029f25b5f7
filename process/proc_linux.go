package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// procID tells a process from a later one that was given the same pid.
type procID struct {
	pid   int
	start uint64 // in clock ticks since the machine started
}

// proc is what /proc/<pid>/stat says of a process.
type proc struct {
	procID
	parent  int
	group   int
	session int
	state   byte
	threads int
	marker  string // only of those that may be orphans
}

// alive reports whether it is more than a zombie.
func (p *proc) alive() bool { return p.state != 'X' && (p.state != 'Z' || p.headless()) }

// headless reports whether it goes on without its first thread. It looks like a zombie
// then, and the kernel passes over it when it kills a cgroup.
func (p *proc) headless() bool { return p.state == 'Z' && p.threads > 1 }

// open returns a pidfd of this process and no other that has its pid since.
func (p *proc) open() (pidfd int, err error) {
	pidfd, err = unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return -1, done(err)
	}
	if now, err := readProc(p.pid); err != nil || now.procID != p.procID {
		unix.Close(pidfd)
		return -1, os.ErrProcessDone
	}
	return pidfd, nil
}

// signal sends sig to it.
func (p *proc) signal(sig unix.Signal) error {
	pidfd, err := p.open()
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	return done(unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// readProc reads what the kernel says of one process.
func readProc(pid int) (proc, error) {
	var buf [1024]byte
	return readStat(pid, buf[:])
}

// readStat is readProc into a buffer that many calls may share.
func readStat(pid int, buf []byte) (proc, error) {
	name := "/proc/" + strconv.Itoa(pid) + "/stat"
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return proc{}, os.ErrProcessDone
	}
	if err != nil {
		return proc{}, err
	}
	n, err := unix.Read(fd, buf)
	unix.Close(fd)
	if err != nil {
		return proc{}, done(err)
	}
	p := proc{procID: procID{pid: pid}}
	if !p.parse(buf[:n]) {
		return proc{}, fmt.Errorf("%s: cannot be understood", name)
	}
	return p, nil
}

// readKernel reads a file that the kernel makes when it is read. os.ReadFile would
// prepare to wait for it, which takes longer than the reading.
func readKernel(name string) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	content := make([]byte, 0, 512)
	for {
		n, err := unix.Read(fd, content[len(content):cap(content)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return content, nil
		}
		if content = content[:len(content)+n]; len(content) == cap(content) {
			content = slices.Grow(content, len(content))
		}
	}
}

// parse reads the line "pid (name) state ppid pgrp session …"; the name may
// have any bytes, so it ends at the last parenthesis.
func (p *proc) parse(line []byte) bool {
	rest := line[bytes.LastIndexByte(line, ')')+1:]
	const threads, start = 17, 19 // their numbers, counted from the state
	for i := 0; i <= start; i++ {
		rest = bytes.TrimLeft(rest, " ")
		var field []byte
		field, rest, _ = bytes.Cut(rest, []byte(" "))
		switch i {
		case 0:
			if len(field) != 1 {
				return false
			}
			p.state = field[0]
		case 1:
			p.parent = number(field)
		case 2:
			p.group = number(field)
		case 3:
			p.session = number(field)
		case threads:
			p.threads = number(field)
		case start:
			p.start = uint64(number(field))
			return len(field) > 0
		}
	}
	return false
}

// number reads digits; the kernel writes nothing else where they are wanted,
// but for a group that is out of sight.
func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		if !isDigit(c) {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// shortage is err if it says nothing of what was to be read: there was no descriptor, or
// no memory, to read it with. What cannot be read for any other reason is gone, or none of
// ours.
func shortage(err error) error {
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
		return err
	}
	return nil
}

// readMarker is the instance's marker in the environment that a process was
// started with, or "" when it has none or does not show it.
func readMarker(pid int) (string, error) {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", err
	}
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		entry = strings.TrimPrefix(entry, spawn.HelperPrefix) // it may be the helper yet
		if strings.HasPrefix(entry, markerName+"=") {
			return entry, nil
		}
	}
	return "", nil
}

// marks reports whether marker, found in an environment, is wanted's own or
// continues it.
func marks(wanted, marker string) bool {
	rest, ok := strings.CutPrefix(marker, wanted)
	return ok && wanted != "" && (rest == "" || rest[0] == '/')
}
