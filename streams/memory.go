package streams

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Memory is a budget that many Logs share (Options.Memory). When it is used up,
// room is made by forgetting the oldest bytes of finished Logs first, in the
// order in which they finished, then of the largest. What the readers of a Log with
// Backpressure have yet to take is not forgotten, which is a window for each at most.
//
// A Log with a Memory is known to it until Log.Discard. Memory is safe for
// concurrent use and starts no goroutines.
type Memory struct {
	limit  int64 // set by NewMemory, never changed
	used   atomic.Int64
	closed atomic.Int64 // the part of it by Logs that are closed

	mu       sync.Mutex // guards what follows; taken before any Log's
	live     map[*Log]struct{}
	finishes []*Log // closed Logs, oldest first
}

// NewMemory makes a budget of limit bytes.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, live: make(map[*Log]struct{})}
}

// Used is how many bytes the Logs hold now.
func (m *Memory) Used() int64 { return m.used.Load() }

// room says whether n more bytes would fit, if finished Logs made room for them.
func (m *Memory) room(n int64) bool {
	return m == nil || m.used.Load()-m.closed.Load()+n <= m.limit
}

// ended notes that closed Logs hold n bytes more.
func (m *Memory) ended(n int64) {
	if m != nil {
		m.closed.Add(n)
	}
}

// account notes that a Log grew by n bytes, and makes room if need be. No Log's
// lock may be held.
func (m *Memory) account(n int64) {
	if m == nil || n == 0 || m.used.Add(n) <= m.limit {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for over := m.used.Load() - m.limit; over > 0; over = m.used.Load() - m.limit {
		freed := m.evict(over)
		if freed == 0 {
			return // all that is left is being written right now, or somebody's
		}
	}
}

// evict frees memory of one Log and returns how much. m.mu must be held.
func (m *Memory) evict(over int64) int64 {
	for i := 0; i < len(m.finishes); {
		l := m.finishes[i]
		if freed := m.take(l, over); freed > 0 {
			return freed
		}
		if l.held() > 0 {
			i++
			continue
		}
		m.finishes = slices.Delete(m.finishes, i, i+1)
	}
	var largest *Log
	var size int64
	for l := range m.live {
		if n := l.forgettable(); n > size {
			largest, size = l, n
		}
	}
	if largest == nil {
		return 0
	}
	// A quarter at once, so that looking for the largest is not done for each block.
	return m.take(largest, max(over, size/4))
}

// take has l forget at least n bytes, as far as it can, and returns how many less it
// holds than was known.
func (m *Memory) take(l *Log, n int64) int64 {
	freed := l.release(n)
	m.used.Add(-freed)
	return freed
}

func (m *Memory) add(l *Log) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[l] = struct{}{}
}

func (m *Memory) finished(l *Log) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.live[l]; ok {
		delete(m.live, l)
		m.finishes = append(m.finishes, l)
	}
}

func (m *Memory) forget(l *Log) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, l)
	if i := slices.Index(m.finishes, l); i >= 0 {
		m.finishes = slices.Delete(m.finishes, i, i+1)
	}
}
