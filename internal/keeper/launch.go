//go:build linux

package keeper

import (
	"errors"
	"io"
	"math"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// launch starts a program as the message says. The last files of the message are
// to be kept: as many as its data begins with numbers for, after their count. b
// is 1 when the rest of data did not fit in, and is in the first of the files.
//
// Other launches and everything else go on meanwhile: executing a file can take long,
// and the worker says so (spawn.Attr.Slow) where it takes as long as somebody else
// likes.
func (k *keeper) launch(m message) {
	files, n := m.files, 0
	if len(m.data) > 0 {
		n = int(m.data[0])
	}
	if k.children[m.id] != nil || len(m.data) < 1+n || len(files) < n {
		closeAll(files)
		k.tell(refusal(m.id, syscall.EINVAL))
		return
	}
	c := &childEntry{pidfd: -1, promised: int(min(max(0, m.a), maxFiles))}
	theirs := files[:len(files)-n]
	for i, fd := range files[len(theirs):] {
		c.kept = append(c.kept, keptFile{m.data[1+i], fd})
	}
	if k.full(c) {
		closeAll(files)
		k.tell(refusal(m.id, syscall.EMFILE))
		return
	}
	k.children[m.id] = c
	k.pending++
	data := append([]byte(nil), m.data[1+n:]...)
	go func() {
		b := birth{id: m.id}
		b.pid, b.pidfd, b.err = start(data, theirs, k.null, m.b == 1, func(pid, pidfd int) {
			k.do(func() { k.helped(c, helper{pid, pidfd}) })
		})
		closeAll(theirs)
		k.do(func() { k.born(b) })
	}()
}

func start(data []byte, files []int, null int, inFile bool, helper func(pid, pidfd int)) (pid, pidfd int, err error) {
	next := func() (int, error) {
		if len(files) == 0 {
			return -1, errors.New("a descriptor is missing")
		}
		fd := files[0]
		files = files[1:]
		return fd, nil
	}
	if inFile {
		fd, err := next()
		if err != nil {
			return 0, -1, err
		}
		if data, err = readAll(fd); err != nil {
			return 0, -1, err
		}
	}
	attr, err := decode(data, next, null)
	if err != nil {
		return 0, -1, err
	}
	return spawn.StartTelling(attr, helper)
}

const (
	// reserve is how many descriptors are left to the keeper itself and to what is
	// more important than one more child.
	reserve = 32

	// launchFiles is how many a launch needs for a moment.
	launchFiles = 4
)

// full says whether there are too few descriptors left for one more child, once the
// others have all that they were promised. They are counted only when those that were
// free at the last count may be used up: else each launch would take longer the more
// children there are.
func (k *keeper) full(c *childEntry) bool {
	need := c.files() + launchFiles
	if k.spare < need {
		k.spare = k.countSpare()
	}
	if k.spare < need {
		return true
	}
	k.spare -= need
	return false
}

// countSpare counts the descriptors that nobody has or was promised.
func (k *keeper) countSpare() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxInt32
	}
	n := reserve + k.pending*launchFiles
	for _, it := range k.held {
		n += len(it.files)
	}
	for _, c := range k.children {
		n += c.files()
	}
	return int(min(limit.Cur, math.MaxInt32)) - n
}

// files is how many descriptors a child takes, or will.
func (c *childEntry) files() int { return len(c.kept) + c.promised + btoi(!c.released) }

// readAll reads a file from its beginning.
func readAll(fd int) ([]byte, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	data := make([]byte, stat.Size)
	for n := 0; n < len(data); {
		read, err := unix.Pread(fd, data[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if read == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		n += read
	}
	return data, nil
}
