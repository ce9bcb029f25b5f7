package process

import (
	"os"
	"strconv"
	"sync"
)

// processes is looked at by every child whose descendants are not told by a
// cgroup.
var processes looks

// looks shares looks at /proc between those who want one at the same time, so
// that stopping a thousand children does not read it a thousand times.
type looks struct {
	looking sync.Mutex      // held while /proc is read; guards orphans
	orphans map[procID]bool // of the last look

	mu   sync.Mutex // guards next
	next *look      // not begun yet, and wanted by somebody
}

// look is one look at /proc. The others are its reader's until done is closed.
type look struct {
	done     chan struct{}
	procs    map[int]proc
	children map[int][]int // pids by parent

	// orphans are the adopted children that bear a marker, or did when they
	// lived: a zombie shows none.
	orphans map[procID]bool
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
	l.next = nil // it begins: who comes now wants a later one
	l.mu.Unlock()
	now.read()
	now.findOrphans(l.orphans)
	l.orphans = now.orphans
	close(now.done)
	return now
}

// read reads all of /proc. What cannot be read is gone, or none of ours.
func (l *look) read() {
	l.procs = make(map[int]proc)
	l.children = make(map[int][]int)
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	buf := make([]byte, 1024)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := readStat(pid, buf); err == nil {
			l.procs[pid] = p
			l.children[p.parent] = append(l.children[p.parent], pid)
		}
	}
	l.readMarkers()
}

// readMarkers reads the markers of those who may be orphans: they have become
// children of this program or of one of its ancestors, and are younger.
func (l *look) readMarkers() {
	self := l.procs[os.Getpid()]
	for adopter := self; ; adopter = l.procs[adopter.parent] {
		for _, pid := range l.children[adopter.pid] {
			p := l.procs[pid]
			if p.alive() && p.start >= self.start && pid != self.pid && !family.has(pid) {
				p.marker = readMarker(pid)
				l.procs[pid] = p
			}
		}
		if _, ok := l.procs[adopter.parent]; !ok {
			return
		}
	}
}

// findOrphans notes who is an orphan, knowing who was at the look before.
func (l *look) findOrphans(before map[procID]bool) {
	for _, pid := range l.children[os.Getpid()] {
		if p := l.procs[pid]; p.marker != "" || before[p.procID] {
			if l.orphans == nil {
				l.orphans = make(map[procID]bool)
			}
			l.orphans[p.procID] = true
		}
	}
}

// members are the leader and its descendants that are alive: its children and
// theirs, the members of its process group, the orphans that bear its marker,
// and whom an earlier look found, with all of their children. The second result
// is for the next look.
func (l *look) members(leader int, marker string, seen map[procID]bool) ([]proc, map[procID]bool) {
	var members []proc
	found := make(map[int]bool)
	var add func(p proc)
	add = func(p proc) {
		if found[p.pid] {
			return
		}
		found[p.pid] = true
		if p.alive() {
			members = append(members, p)
		}
		for _, pid := range l.children[p.pid] {
			add(l.procs[pid])
		}
	}
	if p, ok := l.procs[leader]; ok {
		add(p)
	}
	for _, p := range l.procs {
		if p.group == leader || seen[p.procID] || marks(marker, p.marker) {
			add(p)
		}
	}
	var next map[procID]bool
	for _, p := range members {
		if p.pid != leader {
			if next == nil {
				next = make(map[procID]bool)
			}
			next[p.procID] = true
		}
	}
	return members, next
}
