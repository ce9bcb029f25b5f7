package process

import (
	"strconv"
	"sync"
)

// nextCgroup is the cgroup of the child that will be launched next, as far as can be
// told: that with the id after the highest so far. To make one takes the kernel longer than
// anything else that comes between an end and the next launch.
type nextCgroup struct {
	mu      sync.Mutex // guards what follows
	highest int
	id      int     // of the child that ready is for
	ready   *cgroup // nil: there is none
}

// createFor makes the cgroup of a child, unless it is ready. It returns nil when there is
// no room.
func (r *cgroupRun) createFor(id int) *cgroup {
	if c := r.next.take(id); c != nil {
		return c
	}
	return r.create(strconv.Itoa(id))
}

// take returns the cgroup of a child if it is ready, else nil.
func (n *nextCgroup) take(id int) *cgroup {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.highest = max(n.highest, id)
	if n.ready == nil || n.id != id {
		return nil
	}
	c := n.ready
	n.ready = nil
	return c
}

// prepare makes the next cgroup ready.
func (r *cgroupRun) prepare() {
	n := &r.next
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ready != nil && n.id > n.highest {
		return
	}
	n.drop()
	n.id = n.highest + 1
	n.ready = r.create(strconv.Itoa(n.id))
}

// dropNext removes the next cgroup.
func (r *cgroupRun) dropNext() {
	r.next.mu.Lock()
	defer r.next.mu.Unlock()
	r.next.drop()
}

func (n *nextCgroup) drop() {
	if n.ready != nil {
		n.ready.remove()
		n.ready = nil
	}
}
