package process

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// keeperPID is set when this program's children are those of a keeper.
var keeperPID atomic.Int64

// guardian is the pid of the process to which orphans come.
func guardian() int {
	if pid := keeperPID.Load(); pid != 0 {
		return int(pid)
	}
	return os.Getpid()
}

// processes serves every child that no cgroup contains.
var processes looks

// looks shares looks at /proc between those who want one at the same time, so
// that stopping a thousand children does not read it a thousand times.
type looks struct {
	looking sync.Mutex // held while /proc is read

	mu   sync.Mutex // guards everything below
	next *look      // not begun yet, and wanted by somebody

	// known are the descendants that looks have found, with the pid of their
	// leader, or 0 when only a marker tells that they have one. They stay known
	// until they vanish, whatever becomes of their parents and their markers: a
	// zombie shows none.
	known map[procID]int
}

// look is one look at /proc. Its fields are its reader's until done is closed.
type look struct {
	done     chan struct{}
	procs    map[int]proc
	children map[int][]int // pids by parent
	err      error         // there may be others: see shortage
}

// look returns a look at /proc that began after the call.
func (l *looks) look() *look {
	l.mu.Lock()
	now := l.next
	if now != nil {
		l.mu.Unlock()
		<-now.done
		return now
	}
	now = &look{done: make(chan struct{})}
	l.next = now
	l.mu.Unlock()

	l.looking.Lock()
	defer l.looking.Unlock()
	l.mu.Lock()
	l.next = nil // it begins: whoever comes now wants a later one
	l.mu.Unlock()
	now.read()
	l.update(now)
	close(now.done)
	return now
}

// update forgets those that are gone, and adds the orphans that bear a marker.
func (l *looks) update(now *look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.known {
		if now.err == nil && now.procs[id.pid].procID != id {
			delete(l.known, id)
		}
	}
	for _, pid := range now.children[guardian()] {
		if p := now.procs[pid]; p.marker != "" {
			l.know(p.procID, 0)
		}
	}
}

// know adds to known. l.mu must be held.
func (l *looks) know(id procID, leader int) {
	if l.known == nil {
		l.known = make(map[procID]int)
	}
	if l.known[id] == 0 {
		l.known[id] = leader
	}
}

// knows reports whether a process was found to descend from a launched child.
func (l *looks) knows(id procID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.known[id]
	return ok
}

// members are a leader and its descendants, as far as they are alive: its children and
// theirs, the members of its process group, the orphans that bear its marker, and those
// that an earlier look has found, with all of their children. With an error, which is a
// shortage, there may be more.
func (l *looks) members(leader int, marker string) ([]proc, error) {
	now := l.look()
	l.mu.Lock()
	defer l.mu.Unlock()
	roots := []int{leader}
	for pid, p := range now.procs {
		if p.group == leader || l.known[p.procID] == leader || marks(marker, p.marker) {
			roots = append(roots, pid)
		}
	}
	members := now.below(roots)
	for _, p := range members {
		if p.pid != leader {
			l.know(p.procID, leader)
		}
	}
	return members, now.err
}

// read reads all of /proc.
func (l *look) read() {
	l.procs = make(map[int]proc)
	l.children = make(map[int][]int)
	dir, err := os.Open("/proc")
	if err != nil {
		l.failed(err)
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		l.failed(err)
		return
	}
	buf := make([]byte, 1024)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, err := readStat(pid, buf)
		if err != nil {
			l.failed(err)
			continue
		}
		l.procs[pid] = p
		l.children[p.parent] = append(l.children[p.parent], pid)
	}
	l.readMarkers()
}

// failed notes that something could not be read.
func (l *look) failed(err error) {
	if err := shortage(err); err != nil {
		l.err = err
	}
}

// marker is readMarker for this look.
func (l *look) marker(pid int) string {
	marker, err := readMarker(pid)
	l.failed(err)
	return marker
}

// readMarkers reads the markers of those that may be orphans: they have become children
// of this program or of one of its ancestors, and are younger.
func (l *look) readMarkers() {
	self := l.procs[guardian()]
	for adopter := self; ; adopter = l.procs[adopter.parent] {
		for _, pid := range l.children[adopter.pid] {
			p := l.procs[pid]
			if p.alive() && p.start >= self.start && pid != self.pid && !family.has(pid) {
				p.marker = l.marker(pid)
				l.procs[pid] = p
			}
		}
		if _, ok := l.procs[adopter.parent]; !ok {
			return
		}
	}
}

// below are the processes that are alive among roots and all below them.
func (l *look) below(roots []int) []proc {
	var alive []proc
	found := make(map[int]bool)
	for len(roots) > 0 {
		pid := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if found[pid] {
			continue
		}
		found[pid] = true
		if p, ok := l.procs[pid]; ok && p.alive() {
			alive = append(alive, p)
		}
		roots = append(roots, l.children[pid]...)
	}
	return alive
}
