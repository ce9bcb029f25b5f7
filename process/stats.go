package process

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Stats is what one operating system process uses, with those below it. A field
// that may not be read is zero and named in Unreadable.
type Stats struct {
	PID        int     // os
	CPU        float64 // percent of one CPU since the Stats before, or since its start
	Mem        float32 // percent of the machine's
	RSS, VMS   uint64  // bytes
	CTime      time.Time
	Username   string
	Nice       int32
	Cmdline    string
	CPUSeconds float64
	NumFDs     int32
	NumThreads int32
	Unreadable []string // names of the fields above, as they are written here
	Children   []Stats
}

// sample is what the next Stats needs to know of a pid, to tell how much CPU it
// has used since.
type sample struct {
	created time.Time // tells it from another process with the same pid
	taken   time.Time
	seconds float64
}

// Stats looks at the leader and its descendants. It returns ErrNotRunning when
// the leader has ended. A descendant that ends meanwhile is left out; one that
// has lost its parent counts as a child of the leader.
func (p *Process) Stats(ctx context.Context) (Stats, error) {
	stats, err := p.stats(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("stats of %s: %w", p.spec.Name, err)
	}
	return stats, nil
}

func (p *Process) stats(ctx context.Context) (Stats, error) {
	if p.alive() != nil || !p.hold() {
		return Stats{}, ErrNotRunning
	}
	defer p.work.Done()
	p.mu.Lock()
	s := survey{before: p.samples, now: make(map[int]sample)}
	p.mu.Unlock()

	leader := p.child.Pid()
	below, err := p.child.Descendants()
	if err != nil {
		return Stats{}, explain(err)
	}
	if err := s.look(ctx, append([]int{leader}, below...)); err != nil {
		return Stats{}, err
	}
	if _, ok := s.found[leader]; !ok {
		return Stats{}, ErrNotRunning // it has ended meanwhile
	}
	p.mu.Lock()
	p.samples = s.now
	p.mu.Unlock()
	return s.tree(leader), nil
}

// survey is one look at an instance's processes.
type survey struct {
	before, now map[int]sample
	found       map[int]Stats
	below       map[int][]int // the children of each, by pid
}

// look looks at pids, the leader first.
func (s *survey) look(ctx context.Context, pids []int) error {
	s.found = make(map[int]Stats, len(pids))
	parents := make(map[int]int, len(pids))
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		stats, parent, err := lookAt(ctx, pid)
		if err != nil {
			continue // it has ended
		}
		s.charge(&stats)
		s.found[pid], parents[pid] = stats, parent
	}
	leader := pids[0]
	s.below = make(map[int][]int)
	for _, pid := range pids[1:] {
		parent := parents[pid]
		if _, ok := s.found[parent]; !ok {
			parent = leader
		}
		if _, ok := s.found[pid]; ok {
			s.below[parent] = append(s.below[parent], pid)
		}
	}
	return nil
}

// charge works out the CPU share from the sample before, if there was one.
func (s *survey) charge(stats *Stats) {
	if slices.Contains(stats.Unreadable, "CPUSeconds") || slices.Contains(stats.Unreadable, "CTime") {
		stats.Unreadable = append(stats.Unreadable, "CPU")
		return
	}
	now := sample{created: stats.CTime, taken: time.Now(), seconds: stats.CPUSeconds}
	s.now[stats.PID] = now
	since, used := now.created, now.seconds
	if before, ok := s.before[stats.PID]; ok && before.created.Equal(now.created) {
		since, used = before.taken, now.seconds-before.seconds
	}
	if elapsed := now.taken.Sub(since).Seconds(); elapsed > 0 {
		stats.CPU = 100 * max(used, 0) / elapsed
	}
}

// tree puts the descendants below those they were started by.
func (s *survey) tree(pid int) Stats {
	stats := s.found[pid]
	for _, child := range s.below[pid] {
		stats.Children = append(stats.Children, s.tree(child))
	}
	return stats
}
